#!/usr/bin/env bash
# Builds the wheel into target/wheel, with the maturin of the environment that is its argument.
set -euo pipefail
maturin=$(realpath "$1")/bin/maturin
cd "$(dirname "$0")"
rm -rf ../target/wheel
CARGO=$PWD/cargo.sh "$maturin" build --quiet --release --out ../target/wheel

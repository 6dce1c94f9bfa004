#!/usr/bin/env bash
# Builds the wheel into target/wheels, with the maturin of the environment that is its argument.
set -euo pipefail
maturin=$(realpath "$1")/bin/maturin
cd "$(dirname "$0")"
rm -rf ../target/wheels
CARGO=$PWD/cargo.sh "$maturin" build --quiet --release --out ../target/wheels

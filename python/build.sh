#!/usr/bin/env bash
# Builds the wheel into target/wheels, with the maturin of the environment that is its argument.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf ../target/wheels
CARGO=$PWD/cargo.sh "$1/bin/maturin" build --release --out ../target/wheels

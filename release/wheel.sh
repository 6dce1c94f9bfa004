#!/usr/bin/env bash
# Builds the Python package's wheels: on Linux for two processors, elsewhere for the own one.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -d python ]; then echo "wheel.sh: there is no Python package" >&2; exit; fi
mkdir -p target/dist
tests/venv.sh target/tools/release release/requirements.txt
PATH=$(dirname "$(ls target/tools/release/*/maturin*)"):$PATH
build=(maturin build --release --locked --manifest-path python/Cargo.toml --out target/dist)
case $(uname -s) in
  Linux)
    for target in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu; do
      rustup target add "$target"
      # The glibc of build.sh.
      "${build[@]}" --target "$target" --zig --compatibility manylinux_2_28
    done
    ;;
  *) "${build[@]}" ;;
esac

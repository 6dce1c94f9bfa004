#!/usr/bin/env bash
# Builds the Python package's wheels: on Linux for two processors, elsewhere for the own one.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p target/dist
build=(python3 -m maturin build --release --locked --manifest-path python/Cargo.toml --out target/dist)
case $(uname -s) in
  Linux)
    release/tools.sh zig
    PATH=$PWD/target/tools/release/bin:$PATH
    for target in {x86_64,aarch64}-unknown-linux-gnu; do
      rustup target add "$target"
      # The glibc of build.sh.
      "${build[@]}" --target "$target" --zig --compatibility manylinux_2_28
    done
    ;;
  *)
    python3 -m pip install --quiet --no-deps --require-hashes -r release/requirements.txt
    "${build[@]}"
    ;;
esac

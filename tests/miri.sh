#!/usr/bin/env bash
# Runs tests of the library in Miri, which finds undefined behaviour, and installs it: the kernel in plain code on this
# processor's and on a big-endian one, packing, reading of weights, and caches. Miri cannot map files or run most SIMD
# instructions.
set -euo pipefail
cd "$(dirname "$0")/.."

toolchain=$(tests/nightly.sh miri rust-src)

export CARGO_TARGET_DIR=target/miri
# Without the last one, minima of zeros and functions of the math library differ from run to run.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-deterministic-floats"
miri() { # TARGET FILTER...
  echo "== $1: ${*:2}"
  cargo "+$toolchain" miri test --target "$1" --package crossrank --no-default-features --lib -- "${@:2}"
}
host=$(rustc "+$toolchain" -vV | sed -n 's/^host: //p')
miri "$host" kernels:: model:: cache:: runner:: rank:: --skip mmap
miri s390x-unknown-linux-gnu kernels::tests::contract::scalar kernels::tests::exact_i16 model:: --skip mmap

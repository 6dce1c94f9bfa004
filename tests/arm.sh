#!/usr/bin/env bash
# Tests the library with its default features on 64-bit Arm, in qemu's emulator, which it installs with
# a linker if they are missing: the kernels, and the bits of the shorter golden pairs. One of the processors has
# NEON alone, one has dotprod too, and one all. The bits of logits that the tests expect are those of x86, where
# other tests compare them with Hugging Face's. For macOS and Windows on Arm, it checks that the library
# compiles.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/apt.sh qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
triple=aarch64-unknown-linux-gnu
if ! reason=$(rustup target add "$triple" 2>&1); then
  echo "arm.sh: nothing was tested, because Rust's target for Arm could not be installed: $reason"
  exit 0
fi

export CARGO_TARGET_DIR=target/arm CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# Of the golden pairs, 18 have so many tokens or fewer.
export CROSSRANK_GOLDEN_TOKENS=32
log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary=

run() { # CPU KERNELS
  echo "== -cpu $1, which has the kernels: $2"
  CROSSRANK_EXPECT_KERNELS=$2 \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu $1" \
    cargo test --release --package crossrank --target "$triple" --lib --test scoring -- \
    kernels::tests:: bits::golden_pairs | tee "$log"
  # A filter that matches no test passes.
  local kernel ran="-cpu $1:"
  for kernel in $2; do
    ran+=" $(count "kernels::tests::contract::$kernel::") tests of $kernel,"
  done
  ran+=" $(count kernels::tests::contract::kernels_are_found) of the list of kernels,"
  ran+=" $(count bits::golden_pairs) of the golden pairs' bits"
  case $ran in *" 0 "*) echo "arm.sh: some tests did not run: $ran" >&2; exit 1 ;; esac
  summary+=$ran$'\n'
}

count() { # BEGINNING: of the names of tests that passed
  grep -c "^test $1.* ok$" "$log" || true
}

run cortex-a57 "scalar neon"
run neoverse-n1 "scalar neon dotprod"
run max "scalar neon dotprod i8mm"

for target in aarch64-apple-darwin aarch64-pc-windows-msvc; do
  if reason=$(rustup target add "$target" 2>&1); then
    echo "== cargo check --target $target"
    cargo check --release --package crossrank --target "$target"
    summary+="$target: compiles"$'\n'
  else
    summary+="$target: not checked, because rustup could not install it: $reason"$'\n'
  fi
done
echo "== arm.sh"
printf %s "$summary"

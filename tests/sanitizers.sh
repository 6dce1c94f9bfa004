#!/usr/bin/env bash
# Runs tests of the library under LLVM's sanitizers, with the standard library built for them: AddressSanitizer over the
# kernels that this processor has, and ThreadSanitizer over what runs on several threads.
set -euo pipefail
cd "$(dirname "$0")/.."

toolchain=$(tests/nightly.sh rust-src)
host=$(rustc "+$toolchain" -vV | sed -n 's/^host: //p')

sanitized() { # SANITIZER CARGO'S ARGUMENTS...
  echo "== $1"
  CARGO_TARGET_DIR=target/sanitizer-$1 RUSTFLAGS="-Zsanitizer=$1" \
    cargo "+$toolchain" test --release -Zbuild-std --target "$host" --package crossrank --no-default-features "${@:2}"
}
sanitized address --lib -- kernels:: model:: engine::
sanitized thread --features server --lib -- runner:: engine:: devices:: cache:: server::

#!/usr/bin/env bash
# Runs cargo for WebAssembly: `wasm-cargo.sh FEATURES TARGET_DIR ARGUMENT...`.
#
# Uses rustup's standard library if that can be installed, and otherwise Debian's compiler for the web,
# which comes with the library's sources. The variables are set for this one command only: a native build
# must never see them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
features=$1 target=$2
shift 2
triple=wasm32-unknown-unknown
# Panics name their place in the source: without the folders of this machine, the bytes are the same
# everywhere.
flags=(
  -C "target-feature=$features"
  --cfg 'getrandom_backend="wasm_js"'
  "--remap-path-prefix=$root=."
  "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
)
encoded=$(printf '%s\x1f' "${flags[@]}")
variables=("CARGO_ENCODED_RUSTFLAGS=${encoded%?}" "CARGO_BUILD_TARGET=$triple" "CARGO_TARGET_DIR=$target")

has_rustup_target() {
  command -v rustup >/dev/null || return 1
  rustup target list --installed 2>/dev/null | grep -qx "$triple" && return
  timeout 120 rustup target add "$triple" >/dev/null 2>&1
}

if [ -z "${CROSSRANK_DEBIAN_RUST:-}" ] && has_rustup_target; then
  exec env "${variables[@]}" cargo "$@"
fi
"$root/tests/apt.sh" rustc-web cargo-web rust-web-src rust-web-llvm lld-22
exec env "${variables[@]}" PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
  CARGO_UNSTABLE_BUILD_STD=std,panic_abort /usr/bin/cargo "$@"

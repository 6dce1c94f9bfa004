#!/usr/bin/env bash
# Installs tools for releases into target/tools, with pinned versions: `tools.sh zig`, or `tools.sh CRATE`.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p target/tools
case $1 in
  zig) tests/venv.sh target/tools/release release/requirements.txt ;;
  cargo-about) crate=(cargo-about@0.9.3 --features cli) ;;
  cargo-cyclonedx) crate=(cargo-cyclonedx@0.5.9) ;;
  cargo-deny) crate=(cargo-deny@0.20.2 --no-default-features) ;;
  cargo-machete) crate=(cargo-machete@0.9.2) ;;
  *) echo "tools.sh: there is no tool $1" >&2; exit 2 ;;
esac
[ -z "${crate:-}" ] ||
  cargo install --quiet --locked --root target/tools --target-dir target/tools/build "${crate[@]}"

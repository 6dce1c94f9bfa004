#!/usr/bin/env bash
# Checks the Rust code without running it: its format, and clippy and rustdoc with warnings denied.
# Clippy runs with all features, with each feature of the library alone, and with no feature of the command. With
# --features, it runs only with each feature of the command alone, for which most dependencies are checked again.
set -euo pipefail
cd "$(dirname "$0")/.."

# In the tests' profile, so that what build scripts make is made once.
lint() { echo "== cargo clippy $*"; cargo clippy --release --quiet "$@" -- -D warnings; }

features_of() { # PACKAGE
  cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
found = next(p["features"] for p in packages if p["name"] == sys.argv[1])
print(*sorted(set(found) - {"default"}))' "$1"
}
lint_each_feature() { # PACKAGE
  for feature in $(features_of "$1"); do
    lint --package "$1" --no-default-features --features "$feature"
  done
}
if [ "${1:-}" = --features ]; then
  lint_each_feature crossrank-cli
  exit
fi

cargo fmt --all --check
for manifest in benches/peers/rten examples/rust-service fuzz tests/api/report; do
  cargo fmt --manifest-path "$manifest/Cargo.toml" --check
done
lint --workspace --all-targets --all-features
lint --package crossrank
lint --package crossrank --no-default-features
lint_each_feature crossrank
lint --package crossrank-cli --no-default-features

# The code for 64-bit Arm, where its target can be installed.
if rustup target add aarch64-unknown-linux-gnu 2>/dev/null; then
  lint --package crossrank --lib --tests --target aarch64-unknown-linux-gnu
else
  echo "check.sh: the code for Arm was not checked, because its target could not be installed"
fi

# What the command and its tests have in common is compiled once: a dependency of the tests alone must not
# add features to a dependency of the command, or everything above that is compiled again.
selected() { cargo tree --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | grep -vF "($PWD" | sort -u; }
command=$(selected --edges no-dev)
tests=$(selected --workspace --all-features)
twice=$(comm -23 <(echo "$command") <(echo "$tests"))
if [ -n "$twice" ]; then
  echo "check.sh: cargo test selects other features than cargo run (see cargo tree --edges features) of"
  echo "$twice"
  exit 1
fi

# The code for JavaScript, where the target for WebAssembly can be installed.
if rustup target add wasm32-unknown-unknown 2>/dev/null; then
  for features in js js,gpu js,general edge site-js; do
    lint --package crossrank --lib --target wasm32-unknown-unknown --no-default-features \
      --features "$features"
  done
else
  echo "check.sh: the code for WebAssembly was not checked, because its target could not be installed"
fi

RUSTDOCFLAGS="-D warnings" cargo doc --release --quiet --workspace --all-features --no-deps

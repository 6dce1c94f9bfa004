#!/usr/bin/env bash
# Writes target/licences/crates.txt: the licences of all crates that the programs and the WebAssembly of a release
# contain, on any system. The tool reads all files of all crates, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=target/licences
inputs=$(cat Cargo.lock Cargo.toml cli/Cargo.toml release/about.* "$0" | git hash-object --stdin)
[ "$inputs" != "$(cat "$folder/inputs" 2> /dev/null)" ] || exit 0
release/tools.sh cargo-about
cargo fetch --locked --quiet
targets=()
for target in {x86_64,aarch64}-unknown-linux-musl x86_64-unknown-linux-gnu {x86_64,aarch64}-apple-darwin \
  x86_64-pc-windows-msvc wasm32-unknown-unknown; do
  targets+=(--target "$target")
done
rm -rf "$folder"
mkdir -p "$folder"
target/tools/bin/cargo-about generate --frozen --fail --config release/about.toml --manifest-path Cargo.toml \
  --workspace --all-features "${targets[@]}" release/about.hbs > "$folder/crates.txt"
echo "$inputs" > "$folder/inputs"

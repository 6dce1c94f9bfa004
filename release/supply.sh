#!/usr/bin/env bash
# Checks what comes from elsewhere: licences, sources and bans of crates (deny.toml), advisories where their database
# can be had, and dependencies that no code names. Then builds the WebAssembly in two folders, and compares the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

release/tools.sh cargo-deny
release/tools.sh cargo-machete
PATH=$PWD/target/tools/bin:$PATH
checks=(licenses bans sources)
cargo deny fetch db 2> /dev/null && checks+=(advisories) || echo "supply.sh: no advisories, their database cannot be had"
cargo deny --log-level error --locked check --hide-inclusion-graph "${checks[@]}"
cargo machete . fuzz

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for folder in a another-folder; do
  mkdir "$scratch/$folder"
  git archive HEAD | tar -x -C "$scratch/$folder"
  "$scratch/$folder/pkg/scripts/wasm-cargo.sh" +simd128 "$scratch/$folder/target" rustc \
    --manifest-path "$scratch/$folder/Cargo.toml" --package crossrank --lib --crate-type cdylib --profile wasm \
    --no-default-features --features js --locked --quiet
done
cmp "$scratch"/{a,another-folder}/target/wasm32-unknown-unknown/wasm/crossrank.wasm
echo "WebAssembly: the same bytes from two folders"

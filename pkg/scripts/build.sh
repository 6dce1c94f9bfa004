#!/usr/bin/env bash
# Builds pkg/dist: WebAssembly from the Rust core, its bindings, and the TypeScript sources.
# `build.sh [VARIANT]`: simd128 (the default) and relaxed-simd, which run BERT encoders; general,
# which adds crossrank-general.wasm for other models; edge and edge-relaxed-simd, which have the
# server's routes; gpu, which computes by WebGPU.
#
# Steps whose input has not changed are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

variant=${1:-simd128}
relaxed=(-- -C target-feature=+relaxed-simd)
case $variant in
  simd128) name=crossrank features=js own=() bindings=bindings ;;
  relaxed-simd) name=crossrank-relaxed-simd features=js own=("${relaxed[@]}") bindings=bindings ;;
  general) name=crossrank-general features=js,general own=() bindings=bindings ;;
  gpu) name=crossrank-gpu features=js,gpu own=() bindings=gpu-bindings ;;
  edge) name=crossrank-edge features=edge own=() bindings=edge-bindings ;;
  edge-relaxed-simd)
    name=crossrank-edge-relaxed-simd features=edge own=("${relaxed[@]}") bindings=edge-bindings
    ;;
  *) echo "build.sh: no variant is called $variant" >&2; exit 2 ;;
esac

root=$PWD
dist=$root/pkg/dist
target=$root/target/wasm
tools=$root/target/tools
work=$target/bindgen/$variant
triple=wasm32-unknown-unknown
mkdir -p "$dist" "$tools" "$work"

# --- WebAssembly -----------------------------------------------------------------------------

# What a variant adds is for our own crate alone, so that variants share their dependencies.
pkg/scripts/wasm-cargo.sh +simd128 "$target" rustc --package crossrank --lib --crate-type cdylib --profile wasm \
  --no-default-features --features "$features" --locked "${own[@]}"
wasm=$target/$triple/wasm/crossrank.wasm

# --- wasm-bindgen ----------------------------------------------------------------------------

# The command line's library at the very version of the crate; the command line itself would
# compile six times as many crates.
version=$(grep -A1 '^name = "wasm-bindgen"$' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
bindgen=$tools/bindgen-$version/debug/bindgen
source=$tools/bindgen-source
if [ ! -x "$bindgen" ] || ! cmp -s pkg/scripts/bindgen.rs "$source/src/main.rs"; then
  mkdir -p "$source/src"
  cp pkg/scripts/bindgen.rs "$source/src/main.rs"
  cat > "$source/Cargo.toml" <<EOF
[package]
name = "bindgen"
version = "0.0.0"
edition = "2024"
[dependencies]
wasm-bindgen-cli-support = "=$version"
[profile.dev]
opt-level = 1
debug = false
[workspace]
EOF
  cargo build --manifest-path "$source/Cargo.toml" --target-dir "$tools/bindgen-$version"
fi

stamp="$version $(sha256sum < "$wasm")"
if [ ! -f "$dist/$name.wasm" ] || [ "$stamp" != "$(cat "$work/stamp" 2>/dev/null)" ]; then
  rm -f "$work/stamp"
  "$bindgen" "$wasm" "$work"
  cp "$work/crossrank_bg.wasm" "$dist/$name.wasm"
  # wasm-bindgen's code holds one instance in its variables. Inside a function, every call gives a
  # set of them: an instance can be dropped, and another one made.
  {
    echo 'export function bind() {'
    cat "$work/crossrank.js"
    echo 'return wasm_bindgen;'
    echo '}'
  } > "$work/bindings.js"
  # Variants share bindings: what the larger one has more is more imports.
  if [ ! -f "$dist/$bindings.js" ] || grep -qvxFf "$dist/$bindings.js" "$work/bindings.js"; then
    cp "$work/bindings.js" "$dist/$bindings.js"
  fi
  echo "$stamp" > "$work/stamp"
fi

# --- TypeScript ------------------------------------------------------------------------------

cd pkg
lock=$(sha256sum < package-lock.json)
if [ "$lock" != "$(cat node_modules/.crossrank-lock 2>/dev/null)" ]; then
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" > node_modules/.crossrank-lock
fi
node_modules/.bin/tsc -p .
node scripts/registry.mjs > dist/registry.js
bundle() {
  node_modules/.bin/esbuild "dist/$1.js" --bundle --format=esm --outfile="dist/$1.js" \
    --allow-overwrite --log-level=warning "${@:2}"
}
# A page without a bundler would wait for one import after another.
bundle web --external:'crossrank-*'
# Rollup's plugins, and whoever copies it, take a worker's script alone. Its `export` says that it
# is a module.
bundle worker --footer:js='export {};'
cp ../LICENSE-MIT ../LICENSE-APACHE "$dist"
ls -l "$dist/$name.wasm"

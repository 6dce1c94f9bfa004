#!/usr/bin/env bash
# Builds pkg/dist: WebAssembly from the Rust core, its bindings, and the TypeScript sources.
# `build.sh [VARIANT]`: simd128 (the default) and relaxed-simd run BERT encoders; general makes
# crossrank-general.wasm for other models; edge and edge-relaxed-simd have the server's routes; gpu
# computes by WebGPU; site is the reader of a site's search, without models.
#
# Steps whose input has not changed are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

variant=${1:-simd128}
# LLVM's loop strength reduction makes a pointer of each address. Without it, constant offsets stay in the
# instructions, and 16-bit products take 6 % less time in V8. With it, simd128 is as fast.
relaxed=(-- -C target-feature=+relaxed-simd -C llvm-args=-disable-lsr)
case $variant in
  simd128) name=crossrank features=js own=() bindings=runtime/bindings ;;
  relaxed-simd) name=crossrank-relaxed-simd features=js own=("${relaxed[@]}") bindings=runtime/bindings ;;
  general) name=crossrank-general features=js,general own=() bindings=runtime/bindings ;;
  site) name=crossrank-site features=site-js own=(-- -C opt-level=z) bindings=site/bindings ;;
  site-languages)
    name=crossrank-site-languages features=site-js,site-languages own=(-- -C opt-level=z) bindings=site/bindings
    ;;
  gpu) name=crossrank-gpu features=js,gpu own=() bindings=gpu-bindings ;;
  edge) name=crossrank-edge features=edge own=() bindings=edge/bindings ;;
  edge-relaxed-simd)
    name=crossrank-edge-relaxed-simd features=edge own=("${relaxed[@]}") bindings=edge/bindings
    ;;
  *) echo "build.sh: no variant is called $variant" >&2; exit 2 ;;
esac

root=$PWD
dist=$root/pkg/dist
target=$root/target/wasm
tools=$root/target/tools
work=$target/bindgen/$variant
triple=wasm32-unknown-unknown
mkdir -p "$dist/runtime" "$dist/edge" "$dist/model" "$dist/site" "$tools" "$work"

# --- WebAssembly -----------------------------------------------------------------------------

# The flags of a variant apply to our own crate only, so that variants share their dependencies.
pkg/scripts/wasm-cargo.sh +simd128 "$target" rustc --package crossrank --lib --crate-type cdylib --profile wasm \
  --no-default-features --features "$features" --locked "${own[@]}"
wasm=$target/$triple/wasm/crossrank.wasm

# --- wasm-bindgen ----------------------------------------------------------------------------

# The library of wasm-bindgen's command line, at exactly the version of the crate. The command line
# itself would compile six times as many crates.
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
if [ ! -f "$dist/$name.wasm" ] || [ ! -f "$dist/$bindings.js" ] || [ "$stamp" != "$(cat "$work/stamp" 2>/dev/null)" ]; then
  rm -f "$work/stamp"
  "$bindgen" "$wasm" "$work"
  cp "$work/crossrank_bg.wasm" "$dist/$name.wasm"
  # wasm-bindgen's code holds one instance in its variables. Inside a function, each call makes a
  # new set of them: an instance can be dropped, and another one created.
  {
    echo 'export function bind() {'
    cat "$work/crossrank.js"
    echo 'return wasm_bindgen;'
    echo '}'
  } > "$work/bindings.js"
  # Variants share bindings: the larger ones only add imports.
  if [ ! -f "$dist/$bindings.js" ] || grep -qvxFf "$dist/$bindings.js" "$work/bindings.js"; then
    cp "$work/bindings.js" "$dist/$bindings.js"
  fi
  echo "$stamp" > "$work/stamp"
fi

# --- TypeScript ------------------------------------------------------------------------------

cd pkg
scripts/install.sh
# A module whose source is gone must not be packed.
find dist -name '*.js' ! -name '*bindings.js' -delete
node_modules/.bin/tsc -p .
node scripts/registry.mjs > dist/model/registry.js
node scripts/simd-probe.mjs > dist/runtime/simd-probe.js
bundle() {
  # Names and line breaks stay for stack traces, and the comments that bundlers look for.
  node_modules/.bin/esbuild "dist/$1.js" --bundle --minify-syntax --format=esm \
    --outfile="dist/$1.js" --allow-overwrite --log-level=warning "${@:2}"
}
# A page without a bundler would load one import after another.
bundle web --external:'crossrank-*'
# Rollup's plugins, and apps that copy it, take the worker's script without other files. Its `export`
# marks it as a module.
bundle worker --footer:js='export {};'
bundle worker-node --platform=node
# The script of a static site, which has no bundler of its own.
if [ -f dist/site/bindings.js ]; then bundle site/page --minify; fi
cp ../LICENSE-MIT ../LICENSE-APACHE "$dist"
ls -l "$dist/$name.wasm"

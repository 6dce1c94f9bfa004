#!/usr/bin/env bash
# Builds pkg/dist: WebAssembly from the Rust core, its bindings, and the TypeScript sources.
# `build.sh [VARIANT...]`, by default all of them: simd128 and relaxed-simd run BERT encoders; general makes
# crossrank-general.wasm for other models; edge and edge-relaxed-simd have the server's routes; gpu
# computes by WebGPU; site and site-languages are the reader of a site's search, without models.
#
# Steps whose input has not changed are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD
dist=$root/pkg/dist
target=$root/target/wasm
tools=$root/target/tools
triple=wasm32-unknown-unknown
mkdir -p "$dist/runtime" "$dist/edge" "$dist/model" "$dist/site" "$tools"

# --- WebAssembly -----------------------------------------------------------------------------

# LLVM's loop strength reduction makes a pointer of each address. Without it, constant offsets stay in the
# instructions, and 16-bit products take 6 % less time in V8. With it, simd128 is as fast.
relaxed=(-- -C target-feature=+relaxed-simd -C llvm-args=-disable-lsr)

sources=$({
  rustc --version
  find src build.rs Cargo.toml Cargo.lock pkg/scripts/build.sh pkg/scripts/wasm-cargo.sh -type f -print0 |
    sort -z | xargs -0 sha256sum
} | sha256sum)

# Compiles a variant. Its flags apply to our own crate only, so that variants share their dependencies. Cargo keeps the
# file of one variant, and would make those of all others anew each time.
compile() { # FEATURES FLAG...
  if [ -f "$work/crossrank.wasm" ] && [ "$sources" = "$(cat "$work/sources" 2>/dev/null)" ]; then return; fi
  rm -f "$work/sources"
  pkg/scripts/wasm-cargo.sh +simd128 "$target" rustc --package crossrank --lib --crate-type cdylib --profile wasm \
    --no-default-features --features "$1" --locked "${@:2}"
  cp "$target/$triple/wasm/crossrank.wasm" "$work"
  echo "$sources" > "$work/sources"
}

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

# Makes pkg/dist/NAME.wasm of a variant, and BINDINGS.js.
bind() { # NAME BINDINGS
  local name=$1 bindings=$2 stamp
  stamp="$version $(sha256sum < "$work/crossrank.wasm")"
  if [ ! -f "$dist/$name.wasm" ] || [ ! -f "$dist/$bindings.js" ] || [ "$stamp" != "$(cat "$work/stamp" 2>/dev/null)" ]; then
    rm -f "$work/stamp"
    "$bindgen" "$work/crossrank.wasm" "$work/bound"
    cp "$work/bound/crossrank_bg.wasm" "$dist/$name.wasm"
    # wasm-bindgen's code holds one instance in its variables. Inside a function, each call makes a
    # new set of them: an instance can be dropped, and another one created.
    {
      echo 'export function bind() {'
      cat "$work/bound/crossrank.js"
      echo 'return wasm_bindgen;'
      echo '}'
    } > "$work/bindings.js"
    # Variants share bindings: the larger ones only add imports.
    if [ ! -f "$dist/$bindings.js" ] || grep -qvxFf "$dist/$bindings.js" "$work/bindings.js"; then
      cp "$work/bindings.js" "$dist/$bindings.js"
    fi
    echo "$stamp" > "$work/stamp"
  fi
}

build() { # NAME BINDINGS FEATURES FLAG...
  work=$target/bindgen/$variant
  mkdir -p "$work"
  compile "${@:3}"
  bind "$1" "$2"
}

[ $# -gt 0 ] || set -- simd128 relaxed-simd general edge edge-relaxed-simd gpu site site-languages
small=(-- -C opt-level=z)
for variant; do
  case $variant in
    simd128) build crossrank runtime/bindings js ;;
    relaxed-simd) build crossrank-relaxed-simd runtime/bindings js "${relaxed[@]}" ;;
    general) build crossrank-general runtime/bindings js,general ;;
    edge) build crossrank-edge edge/bindings edge ;;
    edge-relaxed-simd) build crossrank-edge-relaxed-simd edge/bindings edge "${relaxed[@]}" ;;
    gpu) build crossrank-gpu gpu-bindings js,gpu ;;
    site) build crossrank-site site/bindings site-js "${small[@]}" ;;
    site-languages) build crossrank-site-languages site/bindings site-js,site-languages "${small[@]}" ;;
    *) echo "build.sh: no variant is called $variant" >&2; exit 2 ;;
  esac
done

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
ls -l "$dist"/*.wasm

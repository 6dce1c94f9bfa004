#!/usr/bin/env bash
# Tests the package in the versions of node that pkg/test/node-versions names; the usual tests run in the one that is
# installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

versions=target/node-versions
lock=pkg/test/node-versions/package-lock.json
if ! cmp -s "$lock" "$versions/package-lock.json"; then
  rm -rf "$versions"
  mkdir -p "$versions"
  cp pkg/test/node-versions/package.json "$versions"
  cp "$lock" "$versions"
  npm ci --silent --no-audit --no-fund --prefix "$versions" || { rm "$versions/package-lock.json"; exit 1; }
fi
for bin in "$PWD/$versions"/node_modules/*/bin; do
  echo "node $("$bin/node" --version)"
  PATH=$bin:$PATH CROSSRANK_BROWSERS='' pkg/scripts/test.sh node messages stored-files tokenizers hub serve simd limits memory
done

#!/usr/bin/env bash
# Publishes what a registry does not have yet in this version: `publish.sh npm`, from target/dist, or
# `publish.sh crates`.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(release/version.py --print)
case $1 in
  npm)
    for tarball in target/dist/crossrank-*.tgz; do
      name=$(basename "$tarball" "-$version.tgz")
      npm view "$name@$version" version 2> /dev/null | grep -q . ||
        npm publish --provenance --access public "./$tarball"
    done
    ;;
  crates)
    for name in crossrank crossrank-cli; do
      cargo info --quiet --registry crates-io "$name@$version" > /dev/null 2>&1 ||
        cargo publish --locked --package "$name"
    done
    ;;
  *) echo "publish.sh: npm or crates?" >&2; exit 2 ;;
esac

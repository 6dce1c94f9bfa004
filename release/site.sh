#!/usr/bin/env bash
# Packs the documentation's site into target/dist.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/target.sh site
make docs
folder=target/archives/$name
rm -rf "$folder"
mkdir -p "$folder" target/dist
cp -r docs/.vitepress/dist/. "$folder"
release/archive.py "$folder" "target/dist/$name.tar.gz"

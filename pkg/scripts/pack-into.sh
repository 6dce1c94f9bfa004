#!/usr/bin/env bash
# Puts packages into a folder's node_modules as users get them, packed: `pack-into.sh FOLDER PACKAGE...`.
set -euo pipefail

folder=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for package in "$@"; do
  npm pack --silent --pack-destination "$scratch" "./$package" >/dev/null
done
for archive in "$scratch"/*.tgz; do
  name=$(basename "$archive" | sed 's/-[0-9][0-9.]*\.tgz$//')
  rm -rf "$folder/node_modules/$name"
  mkdir "$folder/node_modules/$name"
  tar -xzf "$archive" -C "$folder/node_modules/$name" --strip-components=1
done

#!/usr/bin/env bash
# Builds the demo's static files in www/dist, from the packed packages. `make build` comes first.
set -euo pipefail
cd "$(dirname "$0")/.."

www/install.sh www

# Ours as users get them.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for package in pkg models/minilm-l6-en models/all-minilm-l6-v2; do
  npm pack --silent --pack-destination "$scratch" "./$package" >/dev/null
done
for archive in "$scratch"/*.tgz; do
  name=$(basename "$archive" | sed 's/-[0-9][0-9.]*\.tgz$//')
  rm -rf "www/node_modules/$name"
  mkdir "www/node_modules/$name"
  tar -xzf "$archive" -C "www/node_modules/$name" --strip-components=1
done

node www/build.mjs

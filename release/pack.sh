#!/usr/bin/env bash
# Packs the npm packages: `pack.sh FOLDER`. pkg/dist must be built.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
rm -f "$folder"/crossrank-*.tgz
for package in pkg models/*/; do
  npm pack --silent --pack-destination "$folder" "./$package"
done

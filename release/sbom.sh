#!/usr/bin/env bash
# Writes a bill of materials in the format of CycloneDX, of a crate's dependencies: `sbom.sh MANIFEST
# TARGET FILE FEATURES...`, where FEATURES are Cargo's options.
set -euo pipefail
cd "$(dirname "$0")/.."
release/tools.sh cargo-cyclonedx
# It writes a file beside the manifest of every crate of the workspace.
name=sbom-$$
remove() { git ls-files '*Cargo.toml' | while read -r file; do rm -f "$(dirname "$file")/$name.json"; done; }
trap remove EXIT
PATH=$PWD/target/tools/bin:$PATH cargo cyclonedx --quiet --manifest-path "$1" --target "$2" --format json \
  --spec-version 1.5 --no-build-deps --override-filename "$name" "${@:4}"
# The crates of the workspace have this folder in their names.
sed "s|path+file://$PWD|path+file://|g" "$(dirname "$1")/$name.json" > "$3"

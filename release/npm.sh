#!/usr/bin/env bash
# Packs the npm packages into target/dist, with the licences of the crates in their WebAssembly, and two bills of
# materials: of the crates, and of what npm installs. `make build` comes first.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/target.sh wasm32-unknown-unknown
mkdir -p target/dist
features=(--no-default-features --features js,gpu,general,edge)
release/licences.sh
trap 'rm -f pkg/dist/LICENSES-CRATES.txt' EXIT
cp target/licences/crates.txt pkg/dist/LICENSES-CRATES.txt
release/pack.sh target/dist
release/sbom.sh Cargo.toml "$target" "target/dist/$name.cdx.json" "${features[@]}"
pkg/scripts/install.sh
(cd pkg && npm sbom --sbom-format cyclonedx --omit dev) > "target/dist/crossrank-$version-npm.cdx.json"

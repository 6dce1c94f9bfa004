#!/usr/bin/env bash
# Builds the demo's static files in www/dist, from the packed packages. `make build` comes first.
set -euo pipefail
cd "$(dirname "$0")/.."

www/install.sh www
pkg/scripts/pack-into.sh www pkg models/minilm-l6-en models/all-minilm-l6-v2
node www/build.mjs

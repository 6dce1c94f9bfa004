#!/usr/bin/env bash
# Builds the site's static files in docs/.vitepress/dist. `make build` comes first. CROSSRANK_DOCS_BASE is the
# path at which the site will be served, such as /docs/. Arguments are those of `vitepress build`.
set -euo pipefail
cd "$(dirname "$0")/.."

www/install.sh docs
pkg/scripts/pack-into.sh docs pkg models/minilm-l6-en
cd docs
node .vitepress/build/generate.mjs
npx vitepress build "$@"

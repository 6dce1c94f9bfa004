#!/usr/bin/env bash
# Tests the site in Chromium. Without arguments: what is quick. `audit`: Lighthouse, pictures in
# test/pictures, and a GPU in software. CROSSRANK names the command that scores are compared with.
set -euo pipefail
cd "$(dirname "$0")"

CROSSRANK=$(realpath "${CROSSRANK:-../target/release/crossrank}")
export CROSSRANK
../pkg/scripts/browsers.sh chromium
files=(test/{pages,code,search,playground,accessibility}.test.mjs)
if [ "${1:-}" = audit ]; then
  ../www/install.sh ../www/test
  files=(test/{audit,gpu}.test.mjs)
fi
# The site works at any path.
export CROSSRANK_DOCS_BASE=/under/a/path/
./build.sh --outDir test/dist
node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec "${files[@]}"

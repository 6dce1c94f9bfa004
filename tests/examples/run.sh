#!/usr/bin/env bash
# Tests the example apps that are named: `run.sh APP...`. target/npm has the packed packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

pkg/scripts/browsers.sh chromium
pkg/scripts/install.sh
tests=(tests/examples/files.test.mjs)
for app in "$@"; do
  tests+=("tests/examples/$app.test.mjs")
  [ -f "examples/$app/package.json" ] || continue
  installed=examples/$app/node_modules/.crossrank-installed
  stamp=$(cat "examples/$app/package-lock.json" target/npm/*.tgz | sha256sum)
  if [ "$stamp" != "$(cat "$installed" 2>/dev/null)" ]; then
    npm ci --silent --no-audit --no-fund --prefix "examples/$app"
    echo "$stamp" > "$installed"
  fi
done
# One file at a time: each uses every core. A page that shows nothing must not be waited for all day.
node --test --test-concurrency=1 --test-timeout=300000 --test-reporter=spec "${tests[@]}"

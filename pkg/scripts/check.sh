#!/usr/bin/env bash
# Checks the JavaScript side without building it: types, style and import rules.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
npm run --silent check

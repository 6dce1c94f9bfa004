#!/usr/bin/env bash
# Installs what a folder's lockfile says, where that is not there yet: `install.sh FOLDER`.
set -euo pipefail

cd "$1"
lock=$(sha256sum < package-lock.json)
if [ "$lock" != "$(cat node_modules/.crossrank-lock 2>/dev/null)" ]; then
  npm ci --silent --ignore-scripts --no-audit --no-fund
  echo "$lock" > node_modules/.crossrank-lock
fi

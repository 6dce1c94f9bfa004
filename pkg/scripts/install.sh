#!/usr/bin/env bash
# Installs the packages of package-lock.json, unless they are installed already.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$(sha256sum < package-lock.json)
if [ "$lock" != "$(cat node_modules/.crossrank-lock 2>/dev/null)" ]; then
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" > node_modules/.crossrank-lock
fi

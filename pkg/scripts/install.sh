#!/usr/bin/env bash
# Installs the packages of package-lock.json, unless they are installed already. Of several that run at the same time, one
# installs and the others wait.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p ../target
exec 9> ../target/pkg-install.lock
flock 9
lock=$(sha256sum < package-lock.json)
if [ "$lock" != "$(cat node_modules/.crossrank-lock 2>/dev/null)" ]; then
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" > node_modules/.crossrank-lock
fi

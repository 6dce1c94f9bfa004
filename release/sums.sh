#!/usr/bin/env bash
# Writes target/dist/SHA256SUMS: the sums of all other files there.
set -euo pipefail
cd "$(dirname "$0")/../target/dist"
rm -f SHA256SUMS
sums=$(sha256sum -- *)
echo "$sums" > SHA256SUMS

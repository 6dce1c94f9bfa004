#!/usr/bin/env bash
# Puts the static programs where the Dockerfile takes them from, in target/image.
set -euo pipefail
cd "$(dirname "$0")/.."
for names in amd64:x86_64 arm64:aarch64; do
  folder=target/image/${names%:*}
  mkdir -p "$folder"
  cp "target/${names#*:}-unknown-linux-musl/release/crossrank" "$folder"
done

#!/usr/bin/env bash
# Makes everything that a release uploads, in target/dist. Each of these scripts can be called alone. Archives
# for other systems are made there, by build.sh and archive.sh; sums.sh then goes last.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf target/dist target/archives target/image

release/npm.sh
notes=
for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-unknown-linux-gnu; do
  if reason=$(rustup target add "$target" 2>&1); then
    release/build.sh "$target"
    release/archive.sh "$target"
  else
    notes+="no archive for $target, because rustup could not install it: $reason"$'\n'
  fi
done
release/image.sh
release/wheel.sh
release/site.sh
release/sums.sh
echo "== dist.sh"
cat target/dist/SHA256SUMS
printf %s "$notes"

#!/usr/bin/env bash
# Installs Debian's browsers if they are missing: `browsers.sh chromium firefox-esr`.
set -euo pipefail

missing=()
for browser in "$@"; do
  case $browser in
    chromium) program=${CHROMIUM:-chromium} ;;
    *) program=${FIREFOX:-$browser} ;;
  esac
  command -v "$program" >/dev/null || missing+=("$browser")
done
[ ${#missing[@]} -gt 0 ] || exit 0
"$(dirname "$0")/../../tests/apt.sh" --install-recommends "${missing[@]}"

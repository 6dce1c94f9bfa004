#!/usr/bin/env bash
# Installs Debian's browsers if they are missing: `browsers.sh chromium firefox webkit`.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for browser in "$@"; do
  case $browser in
    chromium) command -v "${CHROMIUM:-chromium}" >/dev/null || missing+=(chromium) ;;
    firefox) command -v "${FIREFOX:-firefox-esr}" >/dev/null || missing+=(firefox-esr) ;;
    webkit) tests/apt.sh webkit2gtk-driver gir1.2-webkit2-4.1 python3-gi xvfb ;;
    *) echo "browsers.sh: no browser is called $browser" >&2; exit 2 ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0
tests/apt.sh --install-recommends "${missing[@]}"

#!/usr/bin/env bash
# Installs Debian's browsers if they are missing: `browsers.sh chromium firefox webkit`.
set -euo pipefail

missing=()
for browser in "$@"; do
  case $browser in
    chromium) command -v "${CHROMIUM:-chromium}" >/dev/null || missing+=(chromium) ;;
    firefox) command -v "${FIREFOX:-firefox-esr}" >/dev/null || missing+=(firefox-esr) ;;
    webkit) { command -v WebKitWebDriver && command -v Xvfb; } >/dev/null || missing+=(webkit2gtk-driver xvfb) ;;
    *) echo "browsers.sh: no browser is called $browser" >&2; exit 2 ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0
"$(dirname "$0")/../../tests/apt.sh" --install-recommends "${missing[@]}"

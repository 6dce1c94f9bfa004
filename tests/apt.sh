#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing.
set -euo pipefail
missing=()
for package in "$@"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
install=($sudo apt-get install -qy --no-install-recommends "${missing[@]}")
"${install[@]}" || { $sudo apt-get update -q && "${install[@]}"; }

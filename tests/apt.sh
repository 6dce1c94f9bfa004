#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing: `apt.sh [--install-recommends] PACKAGE...`.
set -euo pipefail
recommended=--no-install-recommends
if [ "$1" = --install-recommends ]; then
  recommended=$1
  shift
fi
missing=()
for package in "$@"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# Tests run at the same time, and apt fails while another one holds its locks.
exec {lock}> "${TMPDIR:-/tmp}/crossrank-apt-$(id -u).lock"
flock "$lock"
install=($sudo apt-get install -qy "$recommended" "${missing[@]}")
"${install[@]}" || { $sudo apt-get update -q && "${install[@]}"; }

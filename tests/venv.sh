#!/usr/bin/env bash
# Makes a Python environment: `venv.sh FOLDER REQUIREMENTS`. Replaces it when the requirements change.
set -euo pipefail
venv=$1 requirements=$2
cmp -s "$requirements" "$venv/requirements.txt" && exit
rm -rf "$venv"
if ! python3 -m venv "$venv"; then
  "$(dirname "$0")/apt.sh" python3-venv
  rm -rf "$venv"
  python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --no-deps --disable-pip-version-check -r "$requirements"
cp "$requirements" "$venv/requirements.txt"

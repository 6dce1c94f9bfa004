#!/usr/bin/env bash
# Runs the examples; see test.py. CROSSRANK names the program. Where Java and nginx are missing, they
# are installed through apt.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd .. && pwd)
export CROSSRANK=${CROSSRANK:-$root/target/release/crossrank}

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
command -v java >/dev/null || missing+=(default-jre-headless)
[ ${#missing[@]} -eq 0 ] || "$root/tests/apt.sh" "${missing[@]}"
venv=$root/target/examples-venv
"$root/tests/venv.sh" "$venv" requirements.txt
"$root/python/build.sh" "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$root"/target/wheel/*.whl
"$venv/bin/python" test.py
"$venv/bin/python" -m pytest -q -p no:cacheprovider -k milvus "$root/python/tests/test_tutorials.py"

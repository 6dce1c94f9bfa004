#!/usr/bin/env bash
# Builds the wheel and tests it: alone in a new environment, and beside the frameworks. Checks its types, and
# that it uses nothing but the stable ABI of Python 3.10.
set -euo pipefail
cd "$(dirname "$0")"
target=$(cd .. && pwd)/target
venv=$target/python-venv

../tests/venv.sh "$venv" requirements.txt
./build.sh "$venv"
wheel=$(echo "$target"/wheel/crossrank-*-abi3-*.whl)
"$venv/bin/abi3audit" --strict "$wheel"

rm -rf "$target/python-alone"
"$venv/bin/python" -m venv "$target/python-alone"
"$target/python-alone/bin/pip" install --quiet --disable-pip-version-check "$wheel"
"$target/python-alone/bin/python" -I tests/alone.py

"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
# Outside this folder, the installed package is the one that is checked.
cd tests
"$venv/bin/mypy" --cache-dir "$target/mypy" --config-file ../pyproject.toml
"$venv/bin/mypy" --cache-dir "$target/mypy" --strict typed.py
"$venv/bin/python" -m mypy.stubtest --concise crossrank._native
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$@" .

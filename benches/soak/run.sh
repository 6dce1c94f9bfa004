#!/usr/bin/env bash
# `run.sh SECONDS CALLS`; see README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

pkg/scripts/browsers.sh chromium
work=target/soak
tests/venv.sh "$work/venv" benches/search/requirements.txt
mkdir -p "$work/project/node_modules"
pkg/scripts/pack-into.sh "$work/project" pkg models/minilm-l6-en
cp pkg/test/page.html benches/soak/calls.js "$work/project"

failed=0
python3 benches/soak/serve.py --seconds "$1" --out "$work/serve.json" || failed=1
node benches/soak/page.mjs "$work/project" --calls "$2" --out "$work/page.json" || failed=1
python=$work/venv/bin/python
"$python" benches/soak/report.py "$work/serve.json" "$work/page.json" --out "$work/record" || failed=1
exit "$failed"

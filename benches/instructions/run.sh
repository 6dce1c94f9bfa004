#!/usr/bin/env bash
# Counts the instructions of each row of main.rs under valgrind, which it installs if it is missing,
# and compares them with baseline.json. `--update` renews that file.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/apt.sh valgrind

# With symbols, because valgrind is told the name of the function to count. In one unit, because how the
# compiler divides the program decides what it inlines.
program=$(cargo rustc --release --package crossrank --bench instructions \
  --message-format json-render-diagnostics -- -C strip=none -C codegen-units=1 |
  python3 -c '
import json, sys
built = (json.loads(line) for line in sys.stdin)
print(*(message["executable"] for message in built if message.get("executable")))')
exec python3 benches/instructions/compare.py "$program" "$@"

#!/usr/bin/env bash
# Runs other people's clients against `crossrank serve`; see README.md. CROSSRANK names the binary.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
crossrank=${CROSSRANK:-$root/target/release/crossrank}
venv=$root/target/clients-venv

"$root/tests/venv.sh" "$venv" requirements.txt
npm ci --silent --ignore-scripts --no-audit --no-fund

scratch=$(mktemp -d)
passages=$root/examples/passages.txt
"$crossrank" index "$root/docs/start" -o "$scratch/index" > "$scratch/log" 2>&1
"$crossrank" serve --port 0 --index "$scratch/index" > "$scratch/address" 2> "$scratch/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$scratch"' EXIT
for _ in $(seq 100); do
  grep -q http "$scratch/address" && break
  sleep 0.1
done
url=$(sed -n 's/^crossrank serves //p' "$scratch/address")
[ -n "$url" ] || { cat "$scratch/log" >&2; exit 1; }

query="what is a vector database"
"$crossrank" rerank --query "$query" --top-k 1000 --json "$passages" > "$scratch/expected.json"
"$crossrank" embed "$passages" > "$scratch/vectors.jsonl"
export CROSSRANK_URL=$url CROSSRANK_QUERY=$query CROSSRANK_EXPECTED=$scratch/expected.json
export CROSSRANK_VECTORS=$scratch/vectors.jsonl CROSSRANK=$crossrank CROSSRANK_INDEX=$scratch/index
"$venv/bin/python" clients.py "$passages"
node clients.mjs "$passages"
node mcp.mjs "$passages"

#!/usr/bin/env bash
# Tests what dist.sh has made in target/dist: sums, archives and their programs, the container's command, and the
# packages for npm and Python.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(release/version.py --print)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "test.sh: $1" >&2; exit 1; }

listed=$(sed 's/^[^ ]* .//' target/dist/SHA256SUMS)
[ "$listed" = "$(cd target/dist && ls | grep -vx SHA256SUMS)" ] || fail "SHA256SUMS lists other files than there are"
(cd target/dist && sha256sum --quiet --check SHA256SUMS)

for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-unknown-linux-gnu; do
  if rustup target add "$target" 2> /dev/null; then
    release/test-archive.sh "$target"
  else
    echo "$target: not tested, because rustup could not install it"
  fi
done

# The image as the Dockerfile describes it, in a root and a network of its own.
tests/apt.sh iproute2 curl
architecture=amd64
[ "$(uname -m)" = x86_64 ] || architecture=arm64
cp -r "target/image/$architecture" "$scratch/image"
chmod 755 "$scratch" "$scratch/image"
field() { sed -n "s/^$1 //p" Dockerfile; }
words() { python3 -c 'import json, sys; print(*json.loads(sys.argv[1]), sep="\n")' "$1"; }
readarray -t command < <(words "$(field ENTRYPOINT)"; words "$(field CMD)")
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
answer=$($sudo unshare --net bash -euc '
  ip link set lo up
  url=$1
  shift
  "$@" >&2 &
  trap "kill $!" EXIT
  curl --silent --show-error --retry 50 --retry-connrefused --retry-delay 1 --json \
    "{\"query\": \"capital of France\", \"documents\": [\"Bananas are yellow.\", \"Paris is in France.\"]}" "$url"
  ' bash "http://127.0.0.1:$(field EXPOSE)/v1/rerank" \
  chroot --userspec="$(field USER)" "$scratch/image" "${command[@]}" 2> "$scratch/log") ||
  fail "the image's command does not answer: $(cat "$scratch/log")"
best=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["results"][0]["index"])' "$answer")
[ "$best" = 1 ] || fail "the image's command answers $answer"
echo "Dockerfile: ${command[*]} answers, as $(field USER) in an empty folder"

npm install --silent --offline --no-audit --no-fund --prefix "$scratch/npm" target/dist/crossrank-*.tgz
[ -s "$scratch/npm/node_modules/crossrank/dist/LICENSES-CRATES.txt" ] || fail "the npm package lacks licences"
cat > "$scratch/npm/rerank.mjs" <<'EOF'
import { rerank } from "crossrank";
const { results } = await rerank("capital of France", ["Bananas are yellow.", "Paris is in France."]);
process.exit(results[0].index === 1 ? 0 : 1);
EOF
node "$scratch/npm/rerank.mjs" || fail "the npm package does not rerank"
echo "npm packages: rerank works"

python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --find-links target/dist "crossrank==$version"
"$scratch/venv/bin/python" -c 'import crossrank'
echo "wheel: it can be installed and imported"

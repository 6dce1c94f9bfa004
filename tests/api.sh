#!/usr/bin/env bash
# Compares the public interfaces of the crate and of the npm package with the reports in tests/api, which
# `api.sh --update` renews. Then compares the reports with those of the last tag: what was removed or
# changed there needs a new version. Without a tag, it names what the last commit removed or changed.
set -euo pipefail
cd "$(dirname "$0")/.."
made=target/api
rm -rf "$made"
mkdir -p "$made"

# --- Reports ---------------------------------------------------------------------------------

cargo build --quiet --locked --manifest-path tests/api/report/Cargo.toml --target-dir target/tools/api-report
# The whole workspace, because a package alone selects other features of its dependencies.
RUSTDOC=$PWD/tests/api/rustdoc.sh RUSTDOCFLAGS="-Z unstable-options --output-format json" \
  cargo doc --release --quiet --workspace --all-features --no-deps --lib
reports=(npm)
if target/tools/api-report/debug/api-report target/doc/crossrank.json > "$made/crossrank.txt"; then
  reports+=(crossrank.txt)
elif [ $? = 3 ]; then
  rm "$made/crossrank.txt"
  echo "api.sh: the crate's interface was not compared, because $(rustc --version) writes another format"
else
  exit 1
fi

pkg/scripts/install.sh
node pkg/scripts/api.mjs "$made/npm"
rm -rf "$made/npm/temporary"

if [ "${1:-}" = --update ]; then
  for report in "${reports[@]}"; do
    rm -rf "tests/api/${report:?}"
    cp -r "$made/$report" "tests/api/$report"
  done
fi
for report in "${reports[@]}"; do
  diff -ru "tests/api/$report" "$made/$report" || {
    echo "api.sh: the public interface is not that of tests/api/$report; if this is meant, run make api" >&2
    exit 1
  }
done

# --- Compatibility ---------------------------------------------------------------------------

# The part of a version that an incompatible change must raise.
compatible() { case $1 in 0.*) echo "${1%.*}" ;; *) echo "${1%%.*}" ;; esac; }

tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
base=${tag:-$(git rev-parse --verify --quiet HEAD^ 2>/dev/null || true)}
[ -n "$base" ] && git cat-file -e "$base:tests/api" 2>/dev/null || exit 0
removed=$(git ls-tree -r --name-only "$base" tests/api/crossrank.txt tests/api/npm | while read -r file; do
  comm -23 <(git show "$base:$file" | sort) <(sort "$file" 2>/dev/null) | grep -vE '^ *(//.*)?$' |
    sed "s|^|$file: |" || true
done)
[ -n "$removed" ] || exit 0
echo "api.sh: removed or changed since $(git rev-parse --short "$base")${tag:+, which is $tag}:"
echo "$removed"
version=$(release/version.py --print)
if [ -n "$tag" ] && [ "$(compatible "$version")" = "$(compatible "${tag#v}")" ]; then
  echo "api.sh: $version would break what uses $tag; run make version for a version that may" >&2
  exit 1
fi

#!/usr/bin/env bash
# Everything that crates.io and npm check before they take a package, without uploading any. Then builds the
# command from the packages alone: it contains no model, and must say so. Only committed files are packed.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(release/version.py --print)

fail() { echo "publish-dry-run.sh: $1" >&2; exit 1; }

# cargo would compile both packages with all dependencies. The build below has fewer features.
rm -rf target/package
cargo publish --workspace --dry-run --locked --no-verify
folder=target/published
rm -rf "$folder/src"
mkdir -p "$folder/src"
for package in crossrank crossrank-cli; do
  archive=$(find target/package -name "$package-$version.crate" -print -quit)
  size=$(wc -c < "$archive")
  echo "$package: $size bytes"
  [ "$size" -lt $((10 * 1024 * 1024)) ] || fail "crates.io takes 10 MiB, and $package has $size bytes"
  tar -xzf "$archive" -C "$folder/src"
done
cp Cargo.lock "$folder/src"
cat > "$folder/src/Cargo.toml" <<EOF
[workspace]
resolver = "3"
members = ["*"]
[patch.crates-io]
crossrank.path = "crossrank-$version"
EOF
cargo build --quiet --manifest-path "$folder/src/Cargo.toml" --target-dir "$folder/target" --package crossrank-cli \
  --no-default-features
program=$folder/target/debug/crossrank
said=$(echo passage | "$program" rerank --query query 2>&1) && fail "rerank needs no model"
[[ $said = *crates.io*crossrank-minilm-l6-en* ]] || fail "rerank says $said"
! "$program" models | grep -E '^\* +(minilm-l6-en|all-minilm-l6-v2) ' ||
  fail "crossrank models lists models as available that it does not contain"
echo passage | "$program" rerank --query query --model models/minilm-l6-en > /dev/null

packed=target/npm-dry-run
release/pack.sh "$packed"
for package in "$packed"/*.tgz; do
  npm publish --dry-run --access public "$package"
done

#!/usr/bin/env bash
# Fuzzes one target for some seconds, and installs what that needs: fuzz/run.sh TARGET SECONDS. Then it keeps the
# smallest inputs that cover the most in fuzz/corpus/TARGET, which tests/fuzz runs. An input that fails is left in
# fuzz/artifacts/TARGET: put it into the corpus too.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.13.2
# What is kept for a target, in bytes.
kept=32768

target=${1:?fuzz/run.sh TARGET SECONDS; the targets are $(ls fuzz/targets | sed 's/\.rs$//' | tr '\n' ' ')messages stored-files}
seconds=${2:-300}
case $target in
  # These are in JavaScript. A failure names the seed of its inputs.
  messages | stored-files) CROSSRANK_FUZZ_SECONDS=$seconds exec pkg/scripts/test.sh "$target" ;;
  graph_*) features=graphs ;;
  http | jsonl) features=command ;;
  *) features= ;;
esac

toolchain=$(tests/nightly.sh)
cargo fuzz --version 2>/dev/null | grep -qF "$version" || cargo install --quiet --locked "cargo-fuzz@$version"

found=target/fuzz/corpus/$target
corpus=fuzz/corpus/$target
mkdir -p "$found" "$corpus"
# Assertions and overflow checks are on; see the profile in fuzz/Cargo.toml.
build=(--release --debug-assertions --fuzz-dir fuzz --target-dir target/fuzz --features "$features")
limits=(-timeout=20 -rss_limit_mb=4096 -malloc_limit_mb=1024 -max_len=65536)
cargo "+$toolchain" fuzz run "${build[@]}" "$target" "$found" "$corpus" -- "${limits[@]}" \
  "-max_total_time=$seconds" -print_final_stats=1 -verbosity=1

merged=target/fuzz/merged/$target
rm -rf "$merged"
mkdir -p "$merged"
cargo "+$toolchain" fuzz run "${build[@]}" "$target" -- "${limits[@]}" -merge=1 "$merged" "$found" "$corpus"
# Findings stay.
find "$corpus" -type f ! -name 'finding-*' -delete
total=0
while read -r size name; do
  total=$((total + size))
  [ "$total" -gt "$kept" ] && break
  cp "$merged/$name" "$corpus/$name"
done < <(find "$merged" -type f -printf '%s %f\n' | sort -n)

#!/usr/bin/env bash
# Tests the archive of a target in target/dist: that cargo-binstall finds it and its program, that all files are
# there, and that the program works. A static program runs in a folder that holds nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/target.sh "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "test-archive.sh: $target: $1" >&2; exit 1; }

# --- What is in it ---------------------------------------------------------------------------

{ read -r archive; read -r path; } < <(cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
target = sys.argv[1]
package = next(p for p in json.load(sys.stdin)["packages"] if p["name"] == "crossrank-cli")
binstall = package["metadata"]["binstall"]
binstall |= binstall["overrides"].get(target, {})
values = {
    "repo": package["repository"], "version": package["version"], "target": target, "bin": "crossrank",
    "archive-suffix": {"tgz": ".tar.gz", "zip": ".zip"}[binstall["pkg-fmt"]],
    "binary-ext": ".exe" if "-windows-" in target else "",
}
def fill(text):
    for name, value in values.items():
        text = text.replace("{ %s }" % name, value)
    return text
release = "{ repo }/releases/download/v{ version }/"
print(fill(binstall["pkg-url"]).removeprefix(fill(release)), fill(binstall["bin-dir"]), sep="\n")' "$target" | tr -d '\r')
[ -f "target/dist/$archive" ] || fail "target/dist has no $archive, which cargo-binstall would look for"
case $archive in
  *.zip) python3 -m zipfile -e "target/dist/$archive" "$scratch" ;;
  *) tar -xzf "target/dist/$archive" -C "$scratch" ;;
esac
unpacked=$scratch/$name
[ -f "$scratch/$path" ] || fail "$archive has no $path"

files=(README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE man/crossrank.1 man/crossrank-rerank.1
  completions/crossrank.bash completions/_crossrank completions/crossrank.fish completions/_crossrank.ps1
  licences/crates.txt licences/rust.html licences/unicode.txt)
for model in models/*/; do
  files+=("licences/$(basename "$model")/LICENSE" "licences/$(basename "$model")/NOTICE")
done
[[ $target != *-linux-* ]] || files+=(licences/zig.txt licences/libunwind.txt)
[[ $target != *-musl ]] || files+=(licences/musl.txt)
for file in "${files[@]}"; do
  [ -s "$unpacked/$file" ] || fail "$archive has no $file"
done
cargo tree --locked --package crossrank-cli "${features[@]}" --target "$target" --edges normal --prefix none \
  --format '{p}' | awk '$1 !~ /^crossrank/ { sub("^v", "", $2); print "- " $1 " " $2 }' | sort -u > "$scratch/linked"
missing=$(grep -oE '^- [^ ,]+ [^ ,]+' "$unpacked/licences/crates.txt" | sort -u | comm -23 "$scratch/linked" -)
[ -s "$scratch/linked" ] && [ -z "$missing" ] || fail "licences/crates.txt lacks $missing"
crates=$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)["components"]))' < "target/dist/$name.cdx.json" |
  tr -d '\r')
[ "$crates" -gt 100 ] || fail "its bill of materials lists only $crates crates"

# --- The program -----------------------------------------------------------------------------

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
home=$scratch/home
mkdir "$home"
cp "$scratch/$path" "$home"
here="$home/$program"
root=$home
case $target in
  "$(uname -m)-unknown-linux-musl") how="in an empty folder" root=; here="$sudo chroot $home /$program" ;;
  aarch64-unknown-linux-*) how="in an emulator"; tests/apt.sh qemu-user; here="qemu-aarch64 $here" ;;
  *) how="here" ;;
esac
run() { $here "$@"; }

shown=$(run --version | tr -d '\r')
[ "$shown" = "crossrank $version" ] || fail "--version prints $shown"
printf 'Bananas are yellow.\nParis is the capital of France.\n' > "$scratch/passages"
best=$(run rerank --query "the capital of France" --json < "$scratch/passages" | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["index"])' | tr -d '\r')
[ "$best" = 1 ] || fail "rerank prefers the passage $best"
mkdir "$home/texts"
cp "$scratch/passages" "$home/texts/passages.txt"
run index "$root/texts" --output "$root/texts.index" > /dev/null
run search "$root/texts.index" "fruit" --json | grep -q Bananas || fail "search does not find the passage"

if [[ $target = *-gnu ]]; then
  newest=$(grep -aoE 'GLIBC_2\.[0-9]+' "$home/$program" | sort -uV | tail -n 1)
  [ "$(printf '%s\n' GLIBC_2.28 "$newest" | sort -V | tail -n 1)" = GLIBC_2.28 ] || fail "it needs $newest"
fi
echo "$archive: $crates crates; --version, rerank, index and search work $how"

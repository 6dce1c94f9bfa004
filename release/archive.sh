#!/usr/bin/env bash
# Packs the command that build.sh has built, with its manual and the licences of what is in it:
# `archive.sh TARGET`. The archive and its bill of materials are put into target/dist.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/target.sh "$1"
folder=target/archives/$name
rm -rf "$folder"
mkdir -p "$folder/completions" "$folder/man" "$folder/licences" target/dist

cp "$binary" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$folder"

# The program itself prints its manual, in an emulator where its processor is another one.
runner=()
[[ $target != aarch64-unknown-linux-* || $(uname -m) = aarch64 ]] || runner=(qemu-aarch64)
[[ -z ${runner[*]-} ]] || tests/apt.sh qemu-user
crossrank() { ${runner[@]+"${runner[@]}"} "$binary" "$@"; }
crossrank man "$folder/man"
crossrank completions bash > "$folder/completions/crossrank.bash"
crossrank completions zsh > "$folder/completions/_crossrank"
crossrank completions fish > "$folder/completions/crossrank.fish"
crossrank completions powershell > "$folder/completions/_crossrank.ps1"

licences=$folder/licences
release/licences.sh
cp target/licences/crates.txt "$licences"
cp cli/data/LICENSE-UNICODE "$licences/unicode.txt"
for model in models/*/; do
  mkdir -p "$licences/$(basename "$model")"
  cp "$model"/{LICENSE,NOTICE} "$licences/$(basename "$model")"
done
cp "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" "$licences/rust.html"
case $target in
  *-linux-*)
    zig=$(target/tools/release/bin/python -c 'import ziglang; print(*ziglang.__path__)')
    cp "$zig/LICENSE" "$licences/zig.txt"
    cp "$zig/lib/libunwind/LICENSE.TXT" "$licences/libunwind.txt"
    ;;
esac
[[ $target != *-musl ]] || cp "$zig/lib/libc/musl/COPYRIGHT" "$licences/musl.txt"

case $target in
  *-windows-*) archive=target/dist/$name.zip ;;
  *) archive=target/dist/$name.tar.gz ;;
esac
release/archive.py "$folder" "$archive"
release/sbom.sh cli/Cargo.toml "$target" "target/dist/$name.cdx.json" "${features[@]}"
ls -l "$archive"

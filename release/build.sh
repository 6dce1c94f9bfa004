#!/usr/bin/env bash
# Builds the command for a target: `build.sh TARGET`. For Linux, Zig compiles the C code and links, so any
# system can build for every processor. Elsewhere, the target must be the system's own.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/target.sh "$1"

# The oldest glibc that programs for Linux need: that of Debian 10 and RHEL 8.
glibc=2.28
build=(build --target "$target")
case $target in
  *-linux-*)
    release/tools.sh zig
    PATH=$PWD/target/tools/release/bin:$PATH
    [[ $target != *-gnu ]] || target+=.$glibc
    build=(zigbuild --target "$target")
    ;;
esac
cargo "${build[@]}" --release --locked --package crossrank-cli "${features[@]}"
ls -l "$binary"

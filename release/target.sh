# To be sourced: what is built for the target in $1.
target=$1
# What is packed has the time of the commit.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
version=$(release/version.py --print)
name=crossrank-$version-$target
features=(--features default)
program=crossrank
case $target in
  # A static program cannot load the drivers of a GPU.
  *-linux-musl) features=(--no-default-features --features "$(cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
features = next(p["features"]["default"] for p in packages if p["name"] == "crossrank-cli")
print(*sorted(set(features) - {"gpu"}), sep=",")')") ;;
  *-windows-*) program=crossrank.exe ;;
esac
binary=target/$target/release/$program

#!/bin/sh
# The cargo of this repository's own wheels: `CARGO=python/cargo.sh maturin build`. maturin would select the
# package alone, with other features of its dependencies than the workspace has, so that all of them would be
# compiled once more. Its settings for PyO3 would have PyO3 compiled once more, and change nothing: the package
# has the feature `extension-module`, and needs no interpreter for a stable ABI.
[ "$1" = rustc ] || exec cargo "$@"
unset $(env | sed -n 's/^\(PYO3_[A-Z_]*\)=.*/\1/p')
exec cargo build --release --workspace --all-features --message-format json-render-diagnostics

#!/bin/sh
# rustdoc, with options that are unstable. Only it may see RUSTC_BOOTSTRAP: crates' build scripts look for
# it too, and would be compiled again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"

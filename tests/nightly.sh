#!/usr/bin/env bash
# Prints the name of the pinned nightly toolchain, and installs it with the given components if it lacks them:
# `nightly.sh COMPONENT...`. CROSSRANK_NIGHTLY names another one.
set -euo pipefail
toolchain=${CROSSRANK_NIGHTLY:-nightly-2026-05-20}
installed=$(rustup component list --toolchain "$toolchain" --installed 2> /dev/null || true)
for component in rustc "$@"; do
  if ! grep -qE "^$component(-|$)" <<< "$installed"; then
    rustup toolchain install "$toolchain" --profile minimal --component "$(IFS=,; echo "${*:-rustc}")" >&2
    break
  fi
done
echo "$toolchain"

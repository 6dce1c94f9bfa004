#!/usr/bin/env bash
# Checks the code blocks of the documentation: `run.sh [PAGE...]`. target/npm has the packed packages, and
# CROSSRANK names the command.
set -euo pipefail
cd "$(dirname "$0")/../.."

pkg/scripts/install.sh
www/install.sh tests/docs
for tarball in target/npm/crossrank-*.tgz; do
  package=tests/docs/node_modules/$(basename "$tarball" | sed 's/-[0-9].*//')
  rm -rf "$package"
  mkdir "$package"
  tar -xzf "$tarball" --strip-components=1 -C "$package"
done
[ $# -gt 0 ] || node --test --test-reporter=spec tests/docs/*.test.mjs
node tests/docs/check.mjs "$@"

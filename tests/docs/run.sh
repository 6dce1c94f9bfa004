#!/usr/bin/env bash
# Checks the code blocks of the documentation: `run.sh [PAGE...]`. `make build` comes first, and CROSSRANK
# names the command.
set -euo pipefail
cd "$(dirname "$0")/../.."

pkg/scripts/install.sh
www/install.sh tests/docs
pkg/scripts/pack-into.sh tests/docs pkg models/*
[ $# -gt 0 ] || node --test --test-reporter=spec tests/docs/*.test.mjs
node tests/docs/check.mjs "$@"

#!/usr/bin/env bash
# Checks what a release is made with, without making one: that all files agree on the version and the
# repository, the workflows, and the Dockerfile.
set -euo pipefail
cd "$(dirname "$0")/.."
release/version.py --check
cargo metadata --locked --no-deps --format-version 1 > /dev/null
tests/venv.sh target/tools/lint release/lint-requirements.txt
target/tools/lint/bin/actionlint -color=false
target/tools/lint/bin/hadolint Dockerfile

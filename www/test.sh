#!/usr/bin/env bash
# Tests the demo in Chromium. Arguments name tests: search (quick), audit (all).
set -euo pipefail
cd "$(dirname "$0")"

../pkg/scripts/browsers.sh chromium
./build.sh
files=()
for name in "${@:-search audit}"; do
  for one in $name; do
    case $one in
      search) files+=(test/vectors.test.mjs) ;;
      audit) ./install.sh test ;;
      *) echo "test.sh: no tests are called $one" >&2; exit 2 ;;
    esac
    files+=("test/$one.test.mjs")
  done
done
node --test --test-concurrency=1 --test-reporter=spec "${files[@]}"

# Everything a developer runs. Each target installs what it needs.

.PHONY: build test test-native test-js check

# The npm package's WebAssembly and JavaScript, in pkg/dist.
build:
	pkg/scripts/build.sh

test: test-native test-js

test-native:
	cargo test --release --no-fail-fast

test-js: build
	pkg/scripts/test.sh

# What reviewers expect of a commit.
check:
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings

# Everything a developer runs. Each target installs what it needs.

.PHONY: build test test-native test-js test-gpu test-bundlers test-clients test-examples demo test-demo check check-rust check-js bench-peers bench-big bench-page bench-demo bench-serve eval-search sizes

# The npm package's WebAssembly and JavaScript, in pkg/dist.
build:
	pkg/scripts/build.sh
	pkg/scripts/build.sh relaxed-simd
	pkg/scripts/build.sh general
	pkg/scripts/build.sh edge
	pkg/scripts/build.sh edge-relaxed-simd
	pkg/scripts/build.sh gpu

test: test-native test-gpu test-js test-clients test-examples

test-native:
	cargo test --release --workspace --all-features --no-fail-fast

test-js: build
	cargo build --release
	CROSSRANK_SERVE=$(CURDIR)/target/release/crossrank pkg/scripts/test.sh
	www/test.sh search

# src/gpu on two adapters in software; test-js has one in Chromium.
test-gpu:
	tests/gpu.sh

# Apps with every bundler, framework and runtime of the README; test-js has the lighter ones.
test-bundlers: build
	pkg/scripts/test.sh bundlers hosts

# Other people's clients against `crossrank serve`.
test-clients:
	cargo build --release
	tests/clients/run.sh

# The examples with Milvus Lite, Spark and nginx; their results are the command line's.
test-examples:
	cargo build --release
	examples/test.sh

# The demo page in www/dist, static files, at http://127.0.0.1:8080/ or another PORT.
demo: build
	www/build.sh
	node www/serve.mjs

# All tests of the demo: also Lighthouse, the bench page, and pictures in www/test/pictures.
test-demo: build
	www/test.sh

# What reviewers expect of a commit: format, lints, documentation, import rules.
check: check-rust check-js

check-rust:
	tests/check.sh

check-js:
	cd pkg && npm ci --no-audit --no-fund --loglevel=error && npm run check

# Ours against ONNX Runtime and transformers.js; writes a record. BENCH takes run.js's options.
bench-peers: build
	cargo build --release --example bench_worker
	cd benches/peers && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	npm pack --silent --pack-destination target ./pkg ./models/minilm-l6-en
	cd benches/peers && node run.js --package ../../target/crossrank-0.1.0.tgz \
		--package ../../target/crossrank-minilm-l6-en-0.1.0.tgz $(BENCH)

# A model of bge-reranker-large's shape beside ONNX Runtime; writes a record. PYTHON has
# benches/big/requirements.txt, BENCH takes run.py's options.
PYTHON ?= python3
bench-big:
	cargo build --release --bin crossrank --example bench_worker
	$(PYTHON) benches/big/run.py $(BENCH)

# A page with crossrank in a worker, and one with transformers.js: opening it, and lists of 100.
bench-page: build
	cd benches/peers && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	npm pack --silent --pack-destination target ./pkg ./models/minilm-l6-en
	npm install --silent --offline --no-audit --no-fund --prefix target/bench-page \
		./target/crossrank-0.1.0.tgz ./target/crossrank-minilm-l6-en-0.1.0.tgz
	cd benches/peers && node page.js --crossrank ../../target/bench-page $(BENCH)

# What the demo's bench page measures. BENCH takes bench.mjs's options.
bench-demo: build
	pkg/scripts/browsers.sh chromium
	www/build.sh
	node www/test/bench.mjs $(BENCH)

# Every order of a two-stage search on the sets in CROSSRANK_EVAL_DIR; writes a record and README's
# plot. EVAL takes run.py's options.
eval-search:
	cargo build --release
	python3 benches/search/run.py --out target/eval-search/orders.md $(EVAL)

# `crossrank serve` against infinity-emb; writes a record. BENCH takes run.py's options.
bench-serve:
	cargo build --release
	python3 benches/serve/run.py $(BENCH)

# The README's table of what a page downloads.
sizes: build
	node pkg/scripts/sizes.mjs

# Everything that a developer runs. Each target installs what it needs.

.PHONY: build command test test-native test-arm test-js test-gpu test-webkit test-firefox test-node-versions test-memory test-bundlers test-generators test-adapters test-clients test-examples test-docs pack docs docs-serve test-docs-site test-site-audit demo test-demo check check-rust check-features check-js train-data train train-export test-training bench-instructions bench-peers bench-big bench-shapes bench-shapes-web bench-flavours bench-page bench-demo bench-serve eval-search sizes dist test-dist version api publish-dry-run check-release check-supply check-api test-python bench-python fuzz soak test-slow test-miri test-sanitizers

# The npm package's WebAssembly and JavaScript, in pkg/dist.
build:
	pkg/scripts/build.sh

# Most of these leave a part of two cores idle. Those that run at the same time share no folder but that of cargo,
# which locks it: test-python and test-examples build the same wheel, and test-clients and test-js install the
# same clients. test-js has two browsers at a time by itself: only test-python, the lightest, runs beside it.
test:
	$(MAKE) command
	$(MAKE) --jobs=2 --output-sync=target --assume-old=command test-native build test-clients
	$(MAKE) --jobs=2 --output-sync=target --assume-old=command --assume-old=build test-js test-python
	$(MAKE) --jobs=2 --output-sync=target --assume-old=command --assume-old=build test-arm bench-instructions test-gpu \
		test-docs test-examples test-docs-site

test-native:
	cargo test --release --workspace --all-features --no-fail-fast

# Tests the kernels for 64-bit Arm, and golden pairs on them, in an emulator.
test-arm:
	tests/arm.sh

# Fuzzes one target: make fuzz TARGET=text SECONDS=300. fuzz/RECORD.md has what was found; test-native runs
# the inputs that were kept.
fuzz:
	fuzz/run.sh $(TARGET) $(SECONDS)

# Mixed traffic with faults on the server, and calls in a page, while memory and latency are watched. The long
# one: make soak SECONDS=7200 CALLS=10000.
soak: build command
	benches/soak/run.sh $(or $(SECONDS),180) $(or $(CALLS),400)

# What takes long and seldom fails: before a release, and after a change of what it tests.
test-slow: check-features test-miri test-sanitizers soak test-webkit test-firefox test-node-versions test-memory test-bundlers test-generators test-demo test-site-audit check-supply

# Looks for undefined behaviour in Miri. fuzz/RECORD.md has what was found.
test-miri:
	tests/miri.sh

# Runs kernels under AddressSanitizer, and what has threads under ThreadSanitizer.
test-sanitizers:
	tests/sanitizers.sh

# The command for the tests, with the features that test-native selects: with others it would be compiled
# once more.
command:
	cargo build --release --workspace --all-features

test-js: build command
	CROSSRANK_SERVE=$(CURDIR)/target/release/crossrank pkg/scripts/test.sh
	www/test.sh search

# Runs the tests of browsers in WebKit, by the WebDriver of Debian's WebKitGTK: the nearest to Safari on Linux.
test-webkit: build command
	CROSSRANK_SERVE=$(CURDIR)/target/release/crossrank CROSSRANK_BROWSERS=webkit pkg/scripts/test.sh kernels browser loading memory

# The same in Firefox, of which test-js runs a part.
test-firefox: build command
	CROSSRANK_SERVE=$(CURDIR)/target/release/crossrank CROSSRANK_BROWSERS=firefox pkg/scripts/test.sh browser loading

# Runs the tests of node in newer versions of it.
test-node-versions: build command
	CROSSRANK_SERVE=$(CURDIR)/target/release/crossrank pkg/scripts/node-versions.sh

# Compares the memory after many loads and calls with that after few, in node, Chromium and Firefox.
test-memory: build command
	pkg/scripts/test.sh memory

# Tests src/gpu on two software adapters; test-js has one in Chromium.
test-gpu:
	tests/gpu.sh

# Builds apps with every bundler, framework and runtime of docs/guides/bundlers.md, and the heavier example
# apps; test-js and test-examples have the lighter ones.
test-bundlers: pack
	pkg/scripts/test.sh bundlers hosts
	tests/examples/run.sh nextjs hono-workers rust-service
	cargo clippy --quiet --manifest-path examples/rust-service/Cargo.toml --target-dir target/rust-service -- -D warnings

# Builds sites with VitePress, Astro Starlight and Docusaurus, and searches them in Chromium.
test-generators: build command
	pkg/scripts/test.sh generators

# Runs the npm package's adapters with their frameworks and searches; test-js does so too.
test-adapters: build
	pkg/scripts/test.sh adapters

# Runs other people's clients against `crossrank serve`.
test-clients: command
	tests/clients/run.sh

# Builds the Python package, and tests it alone and beside LangChain, LlamaIndex and Haystack.
test-python: command
	python/test.sh

# Runs the examples with Milvus Lite, Spark and nginx, and compares them with the command's results. Builds
# and uses the example apps for the web.
test-examples: pack command
	examples/test.sh
	tests/examples/run.sh vite-react express file-page

# Checks the code blocks of README.md, docs/ and the packages, or of the pages that PAGES names.
test-docs: build command
	CROSSRANK=$(CURDIR)/target/release/crossrank tests/docs/run.sh $(PAGES)

# The documentation's static files, in docs/.vitepress/dist. CROSSRANK_DOCS_BASE is the path at which they
# will be served, such as /docs/.
docs: build command
	docs/build.sh

# Serves them at http://127.0.0.1:8080/ or another PORT.
docs-serve: docs
	node docs/serve.mjs

# Tests the site's search, playground, links and accessibility in Chromium.
test-docs-site: build command
	docs/test.sh

# Lighthouse on the site, and pictures in docs/test/pictures.
test-site-audit: build command
	docs/test.sh audit

# Serves the demo's static files in www/dist at http://127.0.0.1:8080/ or another PORT.
demo: build
	www/build.sh
	node www/serve.mjs

# All tests of the demo, including Lighthouse, the bench page and pictures in www/test/pictures.
test-demo: build
	www/test.sh

# Checks what reviewers expect of a commit: format, lints, documentation, import rules, versions and
# public interfaces.
check: check-rust check-js check-release check-api

check-rust:
	tests/check.sh

# Clippy with each feature of the command alone: a part of test-slow.
check-features:
	tests/check.sh --features

check-js:
	pkg/scripts/check.sh

check-release:
	release/check.sh

# Checks dependencies, and that the WebAssembly does not depend on the folder in which it is built. It installs
# tools that take minutes to compile, so it is a part of releases and not of `make check`.
check-supply:
	release/supply.sh

check-api:
	tests/api.sh

# Renews the reports of the public interfaces in tests/api.
api:
	tests/api.sh --update

# The npm packages, in target/npm, to be installed in an app before they are published.
pack: build
	release/pack.sh target/npm

# Everything that a release uploads, in target/dist.
dist: build
	release/dist.sh

# Tests what is in target/dist.
test-dist:
	release/test.sh

# Changes the version everywhere: make version V=0.2.0. Without V, writes the version and the repository of
# Cargo.toml into the other files.
version:
	release/version.py $(V)

# Everything that the registries check before they take a package.
publish-dry-run: build
	release/publish-dry-run.sh

# The recipe of the bundled model, see training/README.md. CROSSRANK_TRAINING_DATA names the data, and
# MIRROR the folder with clones of the documentation that train-data reads. TRAIN and EXPORT take the
# stages' options. The environment takes 7 GB, because PyPI has no smaller PyTorch: `make test` leaves
# it out.
TRAIN_DIR = $(or $(CROSSRANK_TRAIN_DIR),$(HOME)/.cache/crossrank-training)
TRAIN_PYTHON = $(TRAIN_DIR)/venv/bin/python
$(TRAIN_DIR)/venv/installed: training/requirements.txt
	python3 -m venv $(TRAIN_DIR)/venv
	$(TRAIN_DIR)/venv/bin/pip install -q -r training/requirements.txt
	touch $@

train-data: $(TRAIN_DIR)/venv/installed
	cd training && $(TRAIN_PYTHON) -m crossrank_training pool --mirror $(MIRROR)
	cd training && $(TRAIN_PYTHON) -m crossrank_training teach

train: $(TRAIN_DIR)/venv/installed
	cd training && $(TRAIN_PYTHON) -m crossrank_training train $(TRAIN)

train-export: $(TRAIN_DIR)/venv/installed
	cd training && $(TRAIN_PYTHON) -m crossrank_training export $(EXPORT)

test-training: $(TRAIN_DIR)/venv/installed
	$(TRAIN_PYTHON) -m pytest -p no:cacheprovider training/tests

# Counts instructions under valgrind, and fails if they rose against the baseline, which UPDATE=1 renews.
bench-instructions:
	benches/instructions/run.sh $(if $(UPDATE),--update)

# Times crossrank against ONNX Runtime, rten and transformers.js, and writes a record. BENCH takes the
# options of run.js.
bench-peers: pack target/minilm-l6-en-f32.onnx
	cargo build --release --example bench_worker
	cargo build --release --locked --manifest-path benches/peers/rten/Cargo.toml --target-dir target/rten
	cd benches/peers && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	cd benches/peers && node run.js --package ../../target/npm/crossrank-[0-9]*.tgz \
		--package ../../target/npm/crossrank-minilm-l6-en-*.tgz $(BENCH)

# The weights of the bundled model in f32, which a peer may run faster.
target/minilm-l6-en-f32.onnx: benches/model/minilm-l6-en/onnx/model_quantized.onnx benches/peers/dequantize.py \
		benches/peers/requirements.txt tests/generate/rewrite.py
	python3 -m venv target/peers-venv
	target/peers-venv/bin/pip install -q -r benches/peers/requirements.txt
	target/peers-venv/bin/python benches/peers/dequantize.py $< $@

# Times a model with the shape of bge-reranker-large against ONNX Runtime, and writes a record. PYTHON
# must have the packages of benches/big/requirements.txt. BENCH takes the options of run.py.
PYTHON ?= python3
bench-big:
	cargo build --release --bin crossrank --example bench_worker
	$(PYTHON) benches/big/run.py $(BENCH)

# Times models with the shapes of published rerankers against ONNX Runtime, and writes a record.
bench-shapes:
	cargo build --release --example bench_worker
	$(PYTHON) benches/big/shapes.py $(BENCH)

# The same shapes in Chromium, against ONNX Runtime's WebAssembly. Each has a record of its own in
# target/bench-shapes-web.
bench-shapes-web: pack
	$(PYTHON) benches/big/shapes.py --make
	cd benches/peers && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	for model in target/big/shapes/*/; do \
		out=target/bench-shapes-web/$$(basename $$model); mkdir -p $$out; \
		node benches/peers/run.js --package target/npm/crossrank-[0-9]*.tgz --model $$model --out $$out \
			--only chromium --only dl19 --only crossrank --only "onnxruntime-web sorted" $(BENCH) || exit 1; \
	done

# The same on the forms in which hubs hold one model: optimized, and quantized to 8 and to 4 bits.
bench-flavours:
	cargo build --release --example bench_worker
	$(PYTHON) benches/big/onnx_files.py $(BENCH)

# Times a page with crossrank in a worker and one with transformers.js: opening it, and lists of 100.
bench-page: pack
	cd benches/peers && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	npm install --silent --offline --no-audit --no-fund --prefix target/bench-page \
		./target/npm/crossrank-[0-9]*.tgz ./target/npm/crossrank-minilm-l6-en-*.tgz
	cd benches/peers && node page.js --crossrank ../../target/bench-page $(BENCH)

# Runs the measurements of the demo's bench page. BENCH takes the options of bench.mjs.
bench-demo: build
	pkg/scripts/browsers.sh chromium
	www/build.sh
	node www/test/bench.mjs $(BENCH)

# Measures every order of a two-stage search on the sets in CROSSRANK_EVAL_DIR, and writes a record and
# the plot of docs/guides/candidates.md. EVAL takes the options of run.py.
eval-search:
	cargo build --release
	python3 benches/search/run.py --out target/eval-search/orders.md $(EVAL)

# Times `crossrank serve` against infinity-emb, and writes a record. BENCH takes the options of run.py.
bench-serve:
	cargo build --release
	python3 benches/serve/run.py $(BENCH)

# Compares the Python package with sentence-transformers on torch and on ONNX Runtime, and writes a record.
# BENCH takes the options of run.py.
bench-python: target/minilm-l6-en-f32.onnx
	tests/venv.sh target/python-venv python/requirements.txt
	python/build.sh target/python-venv
	python3 benches/python/run.py $(BENCH)

# Prints the table of docs/project/sizes.md: what a page downloads.
sizes: build
	node pkg/scripts/sizes.mjs

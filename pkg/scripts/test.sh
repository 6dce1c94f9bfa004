#!/usr/bin/env bash
# Tests the JavaScript side with the packed packages, which are installed in an empty project.
# Arguments name tests: sources, kernels, simd, limits, node, messages, stored-files, tokenizers, hub, package, types,
# bundlers, serve, browser, loading, page, site, gpu, edge and adapters (the default is all of these), memory, which takes
# minutes, hosts, which installs 1.4 GB, and generators, which installs 500 MB. CROSSRANK_BROWSERS names browsers:
# chromium and firefox, or webkit. In each run kernels, memory, and browser with workers; in the first one also the rest of
# browser, and loading.
set -euo pipefail
cd "$(dirname "$0")/../.."

export CROSSRANK_BROWSERS=${CROSSRANK_BROWSERS-chromium firefox}
pkg/scripts/browsers.sh $CROSSRANK_BROWSERS

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CROSSRANK_TARBALLS=$scratch CROSSRANK_PROJECT=$scratch/project CROSSRANK_BARE_PROJECT=$scratch/bare
mkdir "$CROSSRANK_PROJECT" "$CROSSRANK_BARE_PROJECT"

pack() { npm pack --silent --pack-destination "$scratch" "./$1" >/dev/null; }
install() { # FOLDER TARBALL...
  echo '{ "name": "project", "private": true, "type": "module" }' > "$1/package.json"
  npm install --silent --offline --no-audit --no-fund --prefix "$1" "${@:2}"
}
# npm would resolve all other packages of the folder anew, which takes the network.
unpack() { pkg/scripts/pack-into.sh "$1" pkg models/minilm-l6-en models/all-minilm-l6-v2; }
pack pkg
pack models/minilm-l6-en
pack models/all-minilm-l6-v2
install "$CROSSRANK_BARE_PROJECT" "$scratch"/crossrank-[0-9]*.tgz
install "$CROSSRANK_PROJECT" "$scratch"/crossrank-*.tgz

cp pkg/test/{{reranker,control,embedder,hub,realm,remote,browser}-suite,suite-worker,assertions,service-stub,hub-server,memory-trap,random,service-worker,gpu-page,gpu-faults,gpu-worker,fake-timers}.mjs "$CROSSRANK_PROJECT"
cp pkg/test/{node,messages,stored-files,tokenizers,hub,serve}.test.mjs pkg/test/page.html "$CROSSRANK_PROJECT"
cp -r tests/data/{golden.json,logit-bits.json,int8-logit-bits.json,architecture-bits.json,embedding-golden.json,embedding-bits.json,remote,tokenizers} "$CROSSRANK_PROJECT"
mkdir "$CROSSRANK_PROJECT/graphs"
cp -r tests/data/graphs/{other-silu,int8-tensor,external-int8} "$CROSSRANK_PROJECT/graphs"
cp -r tests/data/graphs/{deberta-v2,jina-bert,modernbert,mpnet,new}* "$CROSSRANK_PROJECT/graphs"
mkdir "$CROSSRANK_PROJECT/checkpoints"
cp -r tests/data/checkpoints/{ettin,bert-sharded,embedder-bert} "$CROSSRANK_PROJECT/checkpoints"
# A graph without the head that is in its modules, as Ettin's repositories have it.
mkdir "$CROSSRANK_PROJECT/checkpoints/ettin/onnx"
echo "no head" > "$CROSSRANK_PROJECT/checkpoints/ettin/onnx/model.onnx"
# The configuration of a model that generates text, beside a graph that no test downloads.
mkdir -p "$CROSSRANK_PROJECT/checkpoints/generator/onnx"
cp tests/data/checkpoints/bert/tokenizer.json "$CROSSRANK_PROJECT/checkpoints/generator"
echo '{ "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3" }' > "$CROSSRANK_PROJECT/checkpoints/generator/config.json"
echo "a graph" > "$CROSSRANK_PROJECT/checkpoints/generator/onnx/model.onnx"
# Model packages of separate files.
mkdir "$CROSSRANK_PROJECT/separate"
cp -r benches/model/minilm-l6-en "$CROSSRANK_PROJECT/separate/reranker"
cp -r benches/model/all-minilm-l6-v2 "$CROSSRANK_PROJECT/separate/embedder"
for name in reranker embedder; do
  node pkg/scripts/describe-model.mjs "$CROSSRANK_PROJECT/separate/$name" "separate-$name"
done
program=$(realpath -m "${CROSSRANK_SERVE:-target/release/crossrank}")
[ -x "$program" ] || cargo build --release

prepare_edge() {
  export CROSSRANK_EDGE=$scratch/edge
  cp -r examples/edge-worker "$CROSSRANK_EDGE"
  cp pkg/test/edge/plain.js "$CROSSRANK_EDGE/src"
  install "$CROSSRANK_EDGE" "$scratch"/crossrank-*.tgz
  for folder in pkg/test/edge tests/clients; do
    npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$folder"
  done
}

prepare_hosts() {
  export CROSSRANK_HOSTS=$scratch/hosts
  cp -r pkg/test/bundlers "$CROSSRANK_HOSTS"
  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$CROSSRANK_HOSTS"
  npm rebuild --silent --prefix "$CROSSRANK_HOSTS" bun
  unpack "$CROSSRANK_HOSTS"
}

prepare_generators() {
  export CROSSRANK_GENERATORS=$scratch/generators CROSSRANK_SITE=$program
  export CROSSRANK_GENERATORS_VENV=$PWD/target/generators-venv CROSSRANK_MDBOOK=$PWD/target/tools/mdbook/bin/mdbook
  tests/venv.sh "$CROSSRANK_GENERATORS_VENV" pkg/test/generators/requirements.txt
  [ -x "$CROSSRANK_MDBOOK" ] ||
    cargo install --quiet --locked --no-default-features --version 0.5.4 --root target/tools/mdbook mdbook
  cp -r pkg/test/generators "$CROSSRANK_GENERATORS"
  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$CROSSRANK_GENERATORS"
}

prepare_adapters() {
  adapters=$scratch/adapters
  cp -r pkg/test/adapters "$adapters"
  cp docs/guides/adapters.md examples/custom-element/crossrank-results.js "$adapters"
  mkdir "$adapters/docs"
  cp tests/docs/{blocks,prelude}.mjs "$adapters/docs"
  # Two packages are replaced by a small one (see overrides): LanceDB would install a runtime for models.
  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$adapters"
  unpack "$adapters"
  export CROSSRANK_TSC=$PWD/pkg/node_modules/.bin/tsc CROSSRANK_ESBUILD=$PWD/pkg/node_modules/esbuild/lib/main.js
}

files=()
for name in "${@:-sources kernels simd limits node messages stored-files tokenizers hub package types bundlers serve browser loading page site gpu edge adapters}"; do
  for one in $name; do
    case $one in
      node | messages | stored-files | tokenizers | hub | serve) files+=("$CROSSRANK_PROJECT/$one.test.mjs") ;;
      loading) files+=(pkg/test/loading.test.mjs pkg/test/loading-faults.test.mjs pkg/test/loading-sequences.test.mjs) ;;
      gpu) files+=(pkg/test/device.test.mjs pkg/test/gpu.test.mjs) ;;
      bundlers) files+=(pkg/test/bundlers.test.mjs pkg/test/bundlers-node.test.mjs) ;;
      sources | kernels | simd | limits | memory | package | types | browser | page) files+=("pkg/test/$one.test.mjs") ;;
      site) export CROSSRANK_SITE=$program; files+=(pkg/test/site.test.mjs) ;;
      edge) prepare_edge; files+=(pkg/test/edge.test.mjs) ;;
      adapters) prepare_adapters; files+=("$adapters"/{docs,types,hits,ai-sdk,langchain,llamaindex,search,arrow,lancedb,react,element}.test.mjs) ;;
      hosts) prepare_hosts; files+=(pkg/test/hosts.test.mjs) ;;
      generators) prepare_generators; files+=(pkg/test/generators.test.mjs) ;;
      *) echo "test.sh: no tests are called $one" >&2; exit 2 ;;
    esac
  done
done
# Two files at a time: one alone leaves half of two cores idle. More would need the memory of many Chromiums. A test that
# hangs is named after a quarter of an hour, which CROSSRANK_FUZZ_SECONDS makes longer.
timeout=$((900 + ${CROSSRANK_FUZZ_SECONDS:-0}))
node --test --test-concurrency=2 --test-timeout="${timeout}000" --test-reporter=spec "${files[@]}"

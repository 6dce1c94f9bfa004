#!/usr/bin/env bash
# Puts an exported model in its places: `install.sh EXPORT NAME`. The shipped file has 4 bits a weight.
set -euo pipefail
cd "$(dirname "$0")/.."
export_=$1 name=$2
cargo run --release -- quantize "$export_/model.onnx" --bits 4 --sample "$export_/sample.jsonl" \
  --output "models/$name/model.crossrank"
node pkg/scripts/describe-model.mjs "models/$name" "crossrank-$name"
mkdir -p "benches/model/$name/onnx"
cp "$export_/onnx/model_quantized.onnx" "benches/model/$name/onnx"
cp "$export_"/{config,tokenizer,tokenizer_config,special_tokens_map}.json "benches/model/$name"
[ "$name" != minilm-l6-en ] || cp "$export_/golden.json" tests/data/golden.json
echo "install.sh: renew the bits by CROSSRANK_UPDATE=1, see CONTRIBUTING.md, and the figures of the model's card"

// A program that Bun compiles to one executable, with the files in it.

import { Reranker } from "crossrank";
import wasm from "crossrank/crossrank.wasm" with { type: "file" };
import config from "crossrank-minilm-l6-en/config.json" with { type: "file" };
import onnx from "crossrank-minilm-l6-en/onnx/model_quantized.onnx" with { type: "file" };
import tokenizer from "crossrank-minilm-l6-en/tokenizer.json" with { type: "file" };
import tokenizerConfig from "crossrank-minilm-l6-en/tokenizer_config.json" with { type: "file" };
import { rankWith } from "./rank.js";

const { Bun } = globalThis;
const read = (path) => Bun.file(path).bytes();
const model = {
  onnx: await read(onnx),
  tokenizer: await read(tokenizer),
  config: await read(config),
  tokenizerConfig: await read(tokenizerConfig),
};
const { pairs, options } = await Bun.stdin.json();
const rank = rankWith(Reranker, { model, wasm: await read(wasm) });
console.log(JSON.stringify(await rank(pairs, options)));

// An app in one classic script, which holds the files as bytes.

import { Reranker } from "crossrank";
import wasm from "crossrank/crossrank.wasm";
import config from "crossrank-minilm-l6-en/config.json";
import onnx from "crossrank-minilm-l6-en/onnx/model_quantized.onnx";
import tokenizer from "crossrank-minilm-l6-en/tokenizer.json";
import tokenizerConfig from "crossrank-minilm-l6-en/tokenizer_config.json";
import { rankWith } from "./rank.js";

globalThis.rank = rankWith(Reranker, { wasm, model: { onnx, tokenizer, config, tokenizerConfig } });

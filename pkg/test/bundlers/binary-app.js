// An app in one classic script, which holds the files as bytes.

import { Reranker } from "crossrank";
import wasm from "crossrank/crossrank.wasm";
import model from "crossrank-minilm-l6-en/model.crossrank";
import { rankWith } from "./rank.js";

globalThis.rank = rankWith(Reranker, { wasm, model });

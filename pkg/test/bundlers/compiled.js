// A program that Bun compiles to one executable, with the files in it.

import { Reranker } from "crossrank";
import wasm from "crossrank/crossrank.wasm" with { type: "file" };
import model from "crossrank-minilm-l6-en/model.crossrank" with { type: "file" };
import { rankWith } from "./rank.js";

const { Bun } = globalThis;
const read = (path) => Bun.file(path).bytes();
const { pairs, options } = await Bun.stdin.json();
const rank = rankWith(Reranker, { model: await read(model), wasm: await read(wasm) });
console.log(JSON.stringify(await rank(pairs, options)));

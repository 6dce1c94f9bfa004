// A program for a runtime beside node: the pairs and options come as JSON on standard input.

import { readFileSync } from "node:fs";
import { Reranker } from "crossrank";
import { createHandler } from "crossrank/edge";
import { files } from "crossrank-minilm-l6-en";
import { rankWith } from "./rank.js";

const { pairs, options } = JSON.parse(readFileSync(0, "utf8"));
const answer = await rankWith(Reranker)(pairs, options);

const read = ({ url }) => readFileSync(url);
const { onnx, tokenizer, config } = files;
const model = { onnx: read(onnx), tokenizer: read(tokenizer), config: read(config) };
const [[query, document]] = pairs;
const body = JSON.stringify({ query, documents: [document] });
const headers = { "content-type": "application/json" };
const request = new Request("http://localhost/v1/rerank", { method: "POST", headers, body });
const response = await createHandler({ model }).fetch(request, {});
const edge = (await response.json()).results[0].relevance_score;

console.log(JSON.stringify({ ...answer, edge }));

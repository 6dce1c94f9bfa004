// A program for node and other runtimes. The pairs and options come as JSON on standard input.
import { readFileSync } from "node:fs";
import { Reranker } from "crossrank";
import { rankWith } from "./rank.js";

const { pairs, options } = JSON.parse(readFileSync(0, "utf8"));
rankWith(Reranker)(pairs, options).then(
  (answer) => console.log(JSON.stringify(answer)),
  ({ code, message }) => console.log(JSON.stringify({ error: { code, message } })),
);

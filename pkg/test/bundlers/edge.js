// A program that sends the first of the pairs on standard input to a handler of `crossrank/edge`.
import { readFileSync } from "node:fs";
import { createHandler } from "crossrank/edge";
import * as model from "crossrank-minilm-l6-en";

const [[query, document]] = JSON.parse(readFileSync(0, "utf8")).pairs;
const body = JSON.stringify({ query, documents: [document] });
const headers = { "content-type": "application/json" };
const request = new Request("http://localhost/v1/rerank", { method: "POST", headers, body });
const response = await createHandler({ model }).fetch(request, {});
console.log(JSON.stringify(await response.json()));

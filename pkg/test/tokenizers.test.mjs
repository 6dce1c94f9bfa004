// Each tokenizer of tests/data/tokenizers gives Hugging Face's ids, in each WebAssembly file that supports
// it. Runs inside the test project, in which the packed packages are installed.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { Reranker } from "crossrank";
import { bytesOf } from "./assertions.mjs";
import * as model from "./separate/reranker/index.js";

// Older versions of node have relaxed SIMD behind a flag.
setFlagsFromString("--experimental-wasm-relaxed-simd");

const MAX_LENGTH = 512;
const read = (name) => readFile(new URL(`tokenizers/${name}.json`, import.meta.url));
const parse = async (name) => JSON.parse(await read(name));

const { texts } = await parse("texts");
const strings = texts.map(([text, times]) => text.repeat(times));
// This model accepts any tokenizer, because its configuration does not state the number of tokens.
const bytes = await bytesOf(model);
const { vocab_size: _, ...settings } = JSON.parse(new TextDecoder().decode(bytes.config));
const config = new TextEncoder().encode(JSON.stringify(settings));

/** The compact form of a tokenizer.json, in which prepared models hold it. Its scores are floats of 32 bits. */
function compact(tokenizer) {
  const { vocab, ...model } = tokenizer.model;
  const isList = Array.isArray(vocab);
  const tokens = isList
    ? vocab.map(([token]) => token)
    : Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
  const json = Buffer.from(JSON.stringify({ ...tokenizer, model: { ...model, vocab: [] } }));
  const scores = isList ? new Float32Array(vocab.map(([, score]) => score)) : new Float32Array();
  const sizes = new Uint32Array([json.length, tokens.length, isList ? 4 : 0]);
  const texts = tokens.map((token) => Buffer.from(token));
  const lengths = Buffer.from(texts.map(({ length }) => length));
  const bytes = (numbers) => Buffer.from(numbers.buffer);
  return Buffer.concat([Buffer.from("\0tokens\0"), bytes(sizes), json, bytes(scores), lengths, ...texts]);
}

const names = [
  "bert-uncased",
  "bert-cased",
  "xlm-roberta",
  "xlm-roberta-2020",
  "deberta-v2",
  "roberta",
  "modernbert",
];
const forms = names.map((name) => [name, false]);
for (const [name, isCompact] of [...forms, ["bert-cased", true], ["xlm-roberta", true]]) {
  const expected = await parse(`${name}.expected`);
  const tokenizer = new Uint8Array(isCompact ? compact(await parse(name)) : await read(name));
  const load = (wasm) => Reranker.load({ model: { ...bytes, config, tokenizer }, wasm, workers: 0 });
  for (const file of ["crossrank", "crossrank-relaxed-simd", "crossrank-general"]) {
    test(`${name}${isCompact ? " in its compact form" : ""} in ${file}.wasm`, async (t) => {
      const wasm = new URL(import.meta.resolve(`crossrank/${file}.wasm`));
      if (!WebAssembly.validate(await readFile(wasm))) {
        assert.equal(file, "crossrank-relaxed-simd");
        t.skip("this node has no relaxed SIMD");
        return;
      }
      if (!expected.small && file !== "crossrank-general") {
        await assert.rejects(load(wasm), { code: "needs-general" });
        return;
      }
      const reranker = await load(wasm);
      const special = (await reranker.encode("", "")).ids.length;
      let compared = 0;
      for (const [i, { ids }] of expected.texts.entries()) {
        if (!ids || ids.length + special > MAX_LENGTH) continue;
        const found = (await reranker.encode(strings[i], "")).ids;
        assert.deepEqual(found.slice(1, 1 + ids.length), ids, strings[i]);
        assert.equal(found.length, ids.length + special, strings[i]);
        compared += 1;
      }
      assert.ok(compared >= 200, `${compared} texts`);
      for (const [a, b, ids] of expected.pairs) {
        if (ids.length <= MAX_LENGTH)
          assert.deepEqual((await reranker.encode(strings[a], strings[b])).ids, ids);
      }
      await reranker.dispose();
    });
  }
}

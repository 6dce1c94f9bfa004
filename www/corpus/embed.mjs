// The vectors of the corpus: `node embed.mjs` writes rust.vectors, one row of bytes for each passage.
// Run it after cut.py, and again with another model. It takes www/node_modules, see build.sh.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Embedder } from "crossrank";
import * as model from "crossrank-all-minilm-l6-v2";
import { documentsOf } from "../site/corpus.js";
import { textOf } from "../site/search.js";
import { toBytes } from "../site/vectors.js";

const documents = documentsOf(JSON.parse(readFileSync(join(import.meta.dirname, "rust.json"), "utf8")));
const embedder = await Embedder.load({ model });
const onProgress = ({ embedded, total }) => embedded % 500 === 0 && console.error(`${embedded} of ${total}`);
const vectors = await embedder.embed(documents.map(textOf), { onProgress });
writeFileSync(join(import.meta.dirname, "rust.vectors"), toBytes(vectors));
console.error(`${vectors.length} vectors of ${embedder.dimensions} bytes`);
await embedder.dispose();

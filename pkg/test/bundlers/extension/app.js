// Extensions have no import maps, and their service workers no `import()`.
import { Reranker } from "./node_modules/crossrank/dist/web.js";
import * as model from "./node_modules/crossrank-minilm-l6-en/index.js";
import { rankWith } from "./rank.js";

globalThis.rank = rankWith(Reranker, { model });
globalThis.loadDefault = () => Reranker.load();

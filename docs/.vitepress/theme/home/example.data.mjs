// An example of reranking, computed while the site is built.

import { Reranker } from "crossrank";
import MiniSearch from "minisearch";
import { SETS } from "../playground/sets.js";

const SHOWN = 6;

export default {
  async load() {
    const { query, documents } = SETS[0];
    const index = new MiniSearch({ fields: ["text"] });
    index.addAll(documents.map((text, id) => ({ id, text })));
    const words = index.search(query, { prefix: true });
    const before = words.slice(0, SHOWN).map(({ id }) => documents[id]);
    const reranker = await Reranker.load();
    const { results } = await reranker.rerank(query, before);
    await reranker.dispose();
    const after = results.map(({ document, index, score }) => ({ text: document, from: index, score }));
    return { query, before, after };
  },
};

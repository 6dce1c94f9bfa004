// Our npm package, from its packed form, in node and in browsers.

export async function load({ module, model, wasm }) {
  const { Reranker } = await import(module);
  const reranker = await Reranker.load({ model, workers: 0, scoreCache: false, ...(wasm && { wasm }) });
  const { kernel } = await reranker.info();
  let pairs = [];

  return {
    kernel,
    tune: () => ({ batch: "tokens" }),
    prepare(given) {
      pairs = given;
    },
    async run() {
      // `encode` only tokenizes; `score` does not separate the two.
      const tokenizing = performance.now();
      for (const [query, document] of pairs) await reranker.encode(query, document);
      const start = performance.now();
      // Cut, as with the others.
      const scores = await reranker.score(pairs, { longDocuments: "truncate" });
      const end = performance.now();
      const ms_total = end - start;
      const ms_tokenize = start - tokenizing;
      return {
        ms_total,
        ms_tokenize,
        ms_score: ms_total - ms_tokenize,
        logits: scores.map(({ logit }) => logit),
      };
    },
  };
}

/**
 * What every app of these tests offers: the logit of each document for its query, and where it
 * was computed, and why there. The app says how it comes by the package.
 */
export function rankWith(Reranker, own = {}) {
  return async (pairs, options) => {
    const reranker = await Reranker.load({ ...own, ...options });
    try {
      const queries = pairs.map(([query]) => query);
      const documents = pairs.map(([, document]) => [document]);
      const whole = { longDocuments: "truncate" };
      const rankings = await reranker.rerankBatch(queries, documents, 1, whole);
      const { backend, deviceReason } = await reranker.info();
      return { backend, deviceReason, logits: rankings.map(({ results }) => results[0].logit) };
    } finally {
      await reranker.dispose();
    }
  };
}

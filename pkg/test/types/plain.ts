// A program that uses nothing beyond the oldest `lib` that the package supports.

import { CrossrankError, Embedder, Reranker, rerank } from "crossrank";
import * as model from "crossrank-minilm-l6-en";

export async function search(query: string, pages: { id: number; body: string }[]): Promise<number[]> {
  const reranker = await Reranker.load({ model });
  const { results } = await reranker.rerank(query, pages, 3, { text: (page) => page.body });
  const embedder = await Embedder.load();
  await embedder.embed(["text"]);
  await reranker.dispose();
  return results.map(({ document, score }) => document.id * score);
}

export const once = (query: string) =>
  rerank(query, ["a", "b"]).catch((error) => (error instanceof CrossrankError ? error.code : "?"));

// @ts-expect-error: no option of this name
rerank("q", ["a"], 3, { topN: 3 });
// @ts-expect-error: nothing says where the text is
rerank("q", [{ body: "text" }]);
// @ts-expect-error: nor here
rerank("q", [{ body: "text" }], 3, { minScore: 0.5 });
// @ts-expect-error: these are no documents
rerank("q", [1, 2] as unknown as object[]);
// @ts-expect-error: the text of each is needed
once.length && Reranker.load().then((reranker) => reranker.score([["q", { body: "text" }]]));

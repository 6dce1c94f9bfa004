// What the adapters' types promise to programs with the frameworks' own types. The compiler is the test.

import type { Table } from "@lancedb/lancedb";
import { Document as LangChainDocument } from "@langchain/core/documents";
import type { EmbeddingsInterface } from "@langchain/core/embeddings";
import type { BaseDocumentCompressor } from "@langchain/core/retrievers/document_compressors";
import type { BaseEmbedding } from "@llamaindex/core/embeddings";
import type { BaseNodePostprocessor } from "@llamaindex/core/postprocessor";
import type { NodeWithScore } from "@llamaindex/core/schema";
import { create, type OramaPlugin, search } from "@orama/orama";
import * as ai7 from "ai";
import * as ai6 from "ai-6";
import { Embedder, type Ranking, Reranker, rerank } from "crossrank";
import { embeddingModel, rerankingModel } from "crossrank/ai-sdk";
import * as flex from "crossrank/flexsearch";
import * as fuseAdapter from "crossrank/fuse";
import { type HitRanking, rerankHits } from "crossrank/hits";
import { CrossrankReranker } from "crossrank/lancedb";
import { CrossrankEmbeddings, CrossrankRerank } from "crossrank/langchain";
import * as llama from "crossrank/llamaindex";
import * as mini from "crossrank/minisearch";
import { pluginCrossrank, rerankResults } from "crossrank/orama";
import { useRerank } from "crossrank/react";
import { Document as FlexDocument, Index as FlexIndex } from "flexsearch";
import Fuse, { type FuseResult } from "fuse.js";
import MiniSearch, { type SearchResult } from "minisearch";
import { Suspense, use } from "react";

declare const reranker: Reranker;
declare const embedder: Embedder;
declare const query: string;
interface Article {
  id: string;
  title: string;
  body: string;
}
declare const articles: Article[];
/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

// --- Hits --------------------------------------------------------------------------------------

const ranking = await rerankHits(reranker, query, articles, {
  text: async (hit) => hit.body,
  topK: 3,
  blend: 0.2,
});
same<typeof ranking, HitRanking<Article>>(true);
same<(typeof ranking.results)[number]["hit"], Article>(true);
await rerankHits({ rerank }, query, ["a"] as const);
await rerankHits(reranker, query, [1, 2], {
  text: (hit, index) => articles[hit + index]!.body,
  latest: "field",
});
// @ts-expect-error: a text is a string
await rerankHits(reranker, query, articles, { text: () => 7 });
// @ts-expect-error: a reranker is needed
await rerankHits(embedder, query, articles);

// --- The AI SDK --------------------------------------------------------------------------------

const v4 = rerankingModel(reranker, { text: (document) => String(document.body) });
const v3 = rerankingModel(() => Reranker.load(), { specificationVersion: "v3", minScore: 0.1 });
const seven = await ai7.rerank({ model: v4, query, documents: articles.map(({ body }) => body), topN: 1 });
same<(typeof seven.ranking)[number]["document"], string>(true);
await ai7.rerank({ model: v3, query, documents: [{ body: "a" }] });
await ai6.rerank({ model: v3, query, documents: ["a"] });
// @ts-expect-error: AI SDK 6 does not know the specification v4
await ai6.rerank({ model: v4, query, documents: ["a"] });
await ai7.embed({ model: embeddingModel(embedder), value: "a" });
await ai6.embedMany({ model: embeddingModel(embedder, { specificationVersion: "v3" }), values: ["a"] });
ai7.customProvider({ rerankingModels: { local: v4 }, embeddingModels: { local: embeddingModel(embedder) } });
// @ts-expect-error: the AI SDK has its own option for a signal
rerankingModel(reranker, { signal: AbortSignal.timeout(1) });

// --- LangChain ---------------------------------------------------------------------------------

const compressor: BaseDocumentCompressor = new CrossrankRerank({ reranker, topN: 2, maxWindows: 3 });
const compressed = await compressor.compressDocuments([new LangChainDocument({ pageContent: "a" })], query);
same<(typeof compressed)[number]["pageContent"], string>(true);
const places = await new CrossrankRerank({ reranker }).rerank(["a"], query, {
  signal: AbortSignal.timeout(1),
});
same<typeof places, { index: number; relevanceScore: number }[]>(true);
const embeddings: EmbeddingsInterface = new CrossrankEmbeddings({ embedder, maxConcurrency: 2 });
// @ts-expect-error: a reranker is needed
new CrossrankRerank({ topN: 2 });

// --- LlamaIndex --------------------------------------------------------------------------------

const postprocessor: BaseNodePostprocessor = new llama.CrossrankRerank({ reranker, topN: 2 });
const nodes: NodeWithScore[] = await postprocessor.postprocessNodes([], query);
const embedding: BaseEmbedding = new llama.CrossrankEmbedding({ embedder: () => Embedder.load() });

// --- Searches ----------------------------------------------------------------------------------

const miniSearch = new MiniSearch<Article>({ fields: ["body"], storeFields: ["body"] });
const miniRanking = await mini.searchAndRerank(reranker, miniSearch, query, {
  search: { prefix: true },
  text: (hit) => hit.body,
  candidates: 20,
});
same<typeof miniRanking, HitRanking<SearchResult>>(true);
// @ts-expect-error: no such option of MiniSearch
await mini.searchAndRerank(reranker, miniSearch, query, { search: { prefixes: true } });

const fuse = new Fuse(articles, { keys: ["body"], includeScore: true });
const fuseRanking = await fuseAdapter.searchAndRerank(reranker, fuse, query, {
  text: ({ item }) => item.body,
});
same<typeof fuseRanking, HitRanking<FuseResult<Article>>>(true);

type FlexArticle = { id: string; body: string };
const flexDocument = new FlexDocument<FlexArticle>({ document: { id: "id", index: ["body"], store: true } });
const flexRanking = await flex.searchAndRerank(reranker, flexDocument, query, {
  text: ({ doc }) => doc!.body,
});
same<(typeof flexRanking.results)[number]["hit"]["doc"], FlexArticle | null>(true);
const flexIndex = new FlexIndex();
const idRanking = await flex.searchAndRerank(reranker, flexIndex, query, {
  text: (id) => articles[Number(id)]!.body,
});
same<(typeof idRanking.results)[number]["hit"], string | number>(true);
// @ts-expect-error: the text of an id is needed
await flex.searchAndRerank(reranker, flexIndex, query);

const plugin = pluginCrossrank({ reranker, text: ({ document }) => document.body, topK: 5 });
const db = create({ schema: { body: "string" }, plugins: [plugin satisfies OramaPlugin] });
const found = await search(db, { term: query, limit: 50 });
const reranked = await rerankResults(reranker, query, found, { text: ({ document }) => document.body });
same<typeof reranked, typeof found>(true);

// --- LanceDB -----------------------------------------------------------------------------------

declare const table: Table;
const rows = await table
  .query()
  .nearestTo([1, 2])
  .fullTextSearch(query)
  .rerank(new CrossrankReranker({ reranker, text: (row) => `${row.title} ${row.body}` }))
  .toArray();

// --- React -------------------------------------------------------------------------------------

function List({ promise }: { promise: PromiseLike<Ranking<Article>> }) {
  const { results } = use(promise);
  return (
    <ol>
      {results.map(({ document }) => (
        <li key={document.id}>{document.title}</li>
      ))}
    </ol>
  );
}
export function Page({ query }: { query: string }) {
  const { results, error, isPending, promise } = useRerank(query, articles, {
    reranker,
    text: ({ body }) => body,
  });
  same<(typeof results)[number]["document"], Article>(true);
  same<typeof error, Error | undefined>(true);
  same<typeof isPending, boolean>(true);
  return (
    <Suspense fallback="waiting">
      <List promise={promise} />
    </Suspense>
  );
}

export { compressor, embedding, embeddings, nodes, places, rows };

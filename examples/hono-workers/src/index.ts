import { createHandler } from "crossrank/edge";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { type Document, searchByWords } from "./search";

interface Bindings {
  ASSETS: Fetcher;
}

/** Answers requests in Cohere's format. The first one loads the model from the static assets. */
const reranker = createHandler<Bindings>({ model: (env) => env.ASSETS });

const app = new Hono<{ Bindings: Bindings }>();

app.get("/search", async (c) => {
  const query = c.req.query("q")?.trim();
  if (!query) throw new HTTPException(400, { message: "ask a question: /search?q=..." });
  const found = searchByWords(query);
  const reranked = found.length > 0 ? await rerank(query, found, c) : [];
  return c.json({ byWords: found.slice(0, 10), reranked });
});

async function rerank(query: string, found: Document[], c: Context<{ Bindings: Bindings }>) {
  const documents = found.map(({ title, text }) => `${title}. ${text}`);
  const request = new Request(new URL("/v1/rerank", c.req.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, documents, top_n: 10 }),
    signal: c.req.raw.signal,
  });
  // With the context, the model is loaded to its end even if this client leaves, and others wait for it.
  const response = await reranker.fetch(request, c.env, c.executionCtx);
  if (!response.ok) throw new Error(await response.text());
  const { results } = await response.json<{ results: { index: number; relevance_score: number }[] }>();
  return results.map(({ index, relevance_score }) => ({ ...found[index], score: relevance_score }));
}

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  return c.json({ error: "the search failed; see the worker's log" }, 500);
});

export default app;

import express from "express";
import { reranker, search } from "./search.js";

const app = express();

app.get("/search", async (request, response) => {
  const query = request.query.q;
  if (typeof query !== "string" || query.trim() === "") {
    response.status(400).json({ error: "ask a question: /search?q=..." });
    return;
  }
  const controller = new AbortController();
  response.on("close", () => controller.abort());
  response.json(await search(query, controller.signal));
});

app.use((error, _request, response, _next) => {
  // Nobody waits for an answer that was aborted.
  if (response.destroyed) return;
  console.error(error);
  response.status(500).json({ error: "the search failed; see the server's log" });
});

const port = Number(process.env.PORT ?? 3000);
const server = app.listen(port, "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`http://127.0.0.1:${port}/search?q=how+do+I+repair+a+flat+tire`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.close(() => reranker.dispose()));
}

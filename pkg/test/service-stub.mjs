// A loopback server in place of rerank services. POST /script with a list of steps gives an id. Requests
// below /<id> are then answered step by step, with the last step repeated, and GET /<id> gives the
// requests. tests/data/remote/failures.json describes the steps. One more step is for lists of numbers:
// { numbers: <api> } scores each document by its number.

import { createServer } from "node:http";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type",
  "access-control-expose-headers": "retry-after",
};

export async function startStub() {
  const scripts = [];
  async function respond(request, response) {
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
    if (request.method === "OPTIONS") return response.end();
    let body = "";
    for await (const chunk of request) body += chunk;
    const [, id, path] = /^\/(\w+)(.*)$/.exec(request.url);
    if (id === "script") {
      scripts.push({ steps: JSON.parse(body), log: [] });
      return response.end(String(scripts.length - 1));
    }
    if (!scripts[id]) return response.writeHead(404).end();
    const { steps, log } = scripts[id];
    if (request.method === "GET") return response.end(JSON.stringify(log));
    const { authorization, "content-type": type } = request.headers;
    const entry = { path, authorization, type, body: JSON.parse(body), gone: false };
    response.on("close", () => (entry.gone = !response.writableEnded));
    log.push(entry);
    answer(steps[Math.min(log.length, steps.length) - 1], entry.body, response);
  }
  const server = createServer((request, response) => {
    // A client that aborts in the middle of its request gets no answer.
    respond(request, response).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

function answer(step, question, response) {
  if (step.hang) return;
  if (step.cut === "head") return response.destroy();
  if (step.cut === "body") {
    response.writeHead(200, { "content-length": 1000 });
    response.write('{"results":');
    setTimeout(() => response.destroy(), 20);
    return;
  }
  const headers = { ...step.headers };
  if (step.retryAfterDate) {
    headers["retry-after"] = new Date(Date.now() + step.retryAfterDate * 1000).toUTCString();
  }
  const body = step.numbers ? numbers(step.numbers, question) : step.body;
  response.writeHead(step.status ?? 200, { "content-type": "application/json", ...headers });
  response.end(step.text ?? JSON.stringify(body));
}

function numbers(api, { documents, texts }) {
  const name = api === "tei" ? "score" : "relevance_score";
  const list = (documents ?? texts).map((text, index) => ({ index, [name]: Number(text) }));
  return api === "tei" ? list : api === "voyage" ? { data: list } : { results: list };
}

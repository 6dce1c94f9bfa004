// A loopback server for a folder. Pages resolve bare imports by their import map; workers have
// none, so that under /worker/ the same files are served with the imports resolved.

import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const IMPORTS = {
  "crossrank": "/worker/node_modules/crossrank/dist/web.js",
  "crossrank-minilm-l6-en": "/worker/node_modules/crossrank-minilm-l6-en/index.js",
};

export async function serve(folder) {
  const server = createServer((request, response) => {
    answer(folder, request, response).catch(() => response.writeHead(404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { origin, close: () => server.close() };
}

async function answer(folder, request, response) {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  const forWorker = path.startsWith("/worker/");
  const file = join(folder, forWorker ? path.slice("/worker".length) : path);
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  if (forWorker && type === "text/javascript") {
    const code = await readFile(file, "utf8");
    const resolved = code.replaceAll(
      /(\bfrom |\bimport\()"(crossrank[\w-]*)"/g,
      (_, before, name) => `${before}"${IMPORTS[name]}"`,
    );
    response.writeHead(200, { "content-type": type }).end(resolved);
    return;
  }
  const { size } = await stat(file);
  response.writeHead(200, { "content-type": type, "content-length": size });
  createReadStream(file).pipe(response);
}

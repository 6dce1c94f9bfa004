// A host of static files as GitHub Pages is one: gzip for scripts and WebAssembly, validators, ten minutes in caches.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Serves a folder on loopback, and gives `{ origin, close }`. */
export async function host(root) {
  const contents = new Map();
  async function load(path) {
    const content = await readFile(join(root, path));
    const type = TYPES[extname(path)];
    const body = type ? gzipSync(content, { level: 6 }) : content;
    const etag = `"${createHash("sha256").update(content).digest("hex").slice(0, 16)}"`;
    const headers = {
      "content-type": type ?? "application/octet-stream",
      "cache-control": "max-age=600",
      etag,
    };
    if (type) headers["content-encoding"] = "gzip";
    return { body, etag, headers };
  }
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    try {
      if (!contents.has(path)) contents.set(path, await load(path));
      const { body, etag, headers } = contents.get(path);
      if (request.headers["if-none-match"] === etag) response.writeHead(304, headers).end();
      else response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

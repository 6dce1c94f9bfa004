// A host of static files as GitHub Pages is one: gzip for scripts and WebAssembly, validators, ten minutes in caches.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const CHUNK_BYTES = 16_384;
/** What the headers of a response take, about. */
const HEADER_BYTES = 300;

/**
 * Serves a folder on loopback over a line with a bandwidth in bits a second and a latency in milliseconds, which all
 * requests share, also those of workers. Gives `{ origin, sent, close }`: `sent()` is the number of bytes so far.
 */
export async function host(root, { bandwidth, latency }) {
  const contents = new Map();
  let sent = 0;
  let isFreeAt = 0;

  /** Resolves when the line has carried so many more bytes. */
  async function carry(bytes) {
    sent += bytes;
    isFreeAt = Math.max(isFreeAt, performance.now()) + (bytes * 8000) / bandwidth;
    const wait = isFreeAt - performance.now();
    if (wait > 0) await sleep(wait);
  }

  async function answer(response, status, headers, body) {
    await sleep(latency);
    await carry(HEADER_BYTES);
    response.writeHead(status, headers);
    for (let start = 0; start < body.length; start += CHUNK_BYTES) {
      const chunk = body.subarray(start, start + CHUNK_BYTES);
      await carry(chunk.length);
      response.write(chunk);
    }
    response.end();
  }
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
      const isKnown = request.headers["if-none-match"] === etag;
      await answer(response, isKnown ? 304 : 200, headers, isKnown ? Buffer.alloc(0) : body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, sent: () => sent, close };
}

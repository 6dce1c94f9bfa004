// A loopback server for a folder. Pages resolve bare imports by their import map. Workers have none, so
// that the same files are served with resolved imports under /worker/.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const IMPORTS = {
  crossrank: "/worker/node_modules/crossrank/dist/web.js",
  "crossrank-all-minilm-l6-v2": "/worker/node_modules/crossrank-all-minilm-l6-v2/index.js",
  "crossrank-minilm-l6-en": "/worker/node_modules/crossrank-minilm-l6-en/index.js",
};

/**
 * `conduct(path, { range })` says how to answer a request: `{ status, headers, delay, ranges,
 * rangeStart, rangeEnd, gzip, content, cut, hang }`. A status of 0 means no answer at all, `rangeStart`
 * is an offset that was not requested, `rangeEnd` is the end of the part, and `cut` is the number of
 * bytes after which the connection breaks or, with `hang`, waits until the client ends it. `delay` is a
 * number of milliseconds before the content.
 */
export async function serve(folder, conduct = () => ({})) {
  const log = [];
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const entry = { path, range: request.headers.range, sent: 0 };
    log.push(entry);
    answer(folder, entry, conduct(path, entry), response).catch(() => response.writeHead(404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin, log, close };
}

async function answer(folder, entry, conduct, response) {
  const { status = 200, headers, delay = 0, ranges = false, gzip = false, cut, hang } = conduct;
  if (status === 0) return response.destroy();
  if (status !== 200) return response.writeHead(status, headers).end(conduct.content);
  const forWorker = entry.path.startsWith("/worker/");
  const file = join(folder, forWorker ? entry.path.slice("/worker".length) : entry.path);
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  let body = conduct.content ?? (await readFile(file));
  if (forWorker && type === "text/javascript") body = withImports(body.toString());
  const asked = ranges && entry.range ? Number(/^bytes=(\d+)-$/.exec(entry.range)[1]) : 0;
  if (asked >= body.length) return response.writeHead(416).end();
  const start = asked && (conduct.rangeStart ?? asked);
  const end = start ? (conduct.rangeEnd ?? body.length) : body.length;
  const head = { "content-type": type, ...headers };
  if (start > 0) head["content-range"] = `bytes ${start}-${end - 1}/${body.length}`;
  if (gzip) head["content-encoding"] = "gzip";
  body = gzip ? gzipSync(body, { level: 1 }) : body.subarray(start, end);
  response.writeHead(start > 0 ? 206 : 200, { ...head, "content-length": body.length });
  entry.sent = Math.min(body.length, cut ?? Infinity);
  await sleep(delay);
  if (cut === undefined) return response.end(body);
  response.write(body.subarray(0, cut));
  if (hang) return;
  // Gives the page time to read: after an error, it would lose the bytes that it has not read yet.
  await sleep(1000);
  response.destroy();
}

function withImports(code) {
  const resolved = code.replaceAll(
    /(\bfrom |\bimport\()"(crossrank[\w-]*)"/g,
    (_, before, name) => `${before}"${IMPORTS[name]}"`,
  );
  return Buffer.from(resolved);
}

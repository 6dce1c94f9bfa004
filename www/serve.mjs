// Serves www/dist on loopback: `node serve.mjs`, at port 8080 or $PORT. Any server of static files works.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { createGzip } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".md": "text/plain; charset=utf-8",
};

/** Types that servers compress. */
const TEXT = /^text\/|json$|svg/;

/** Serves a folder's files at the path `base`, and gives `{ origin, close }`. Port 0 stands for any free port. */
export async function serve(port = 0, { root = join(import.meta.dirname, "dist"), base = "/" } = {}) {
  function fileOf(pathname) {
    if (!pathname.startsWith(base)) return undefined;
    try {
      const path = normalize(decodeURIComponent(pathname.slice(base.length - 1)));
      const file = join(root, path.endsWith("/") ? `${path}index.html` : path);
      return statSync(file).isFile() ? file : undefined;
    } catch {
      return undefined;
    }
  }
  const server = createServer((request, response) => {
    const file = fileOf(new URL(request.url, "http://localhost").pathname);
    const shown = file ?? fileOf(`${base}404.html`);
    if (!shown) {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
      return;
    }
    const type = TYPES[extname(shown)] ?? "application/octet-stream";
    const compresses = TEXT.test(type) && /\bgzip\b/.test(request.headers["accept-encoding"]);
    const length = compresses ? { "content-encoding": "gzip" } : { "content-length": statSync(shown).size };
    response.writeHead(file ? 200 : 404, { "content-type": type, "cache-control": "no-cache", ...length });
    const content = createReadStream(shown).on("error", () => response.destroy());
    if (compresses) content.pipe(createGzip()).pipe(response);
    else content.pipe(response);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

/** Serves at $PORT until the process ends, and prints the address. */
export async function serveFromShell(serve, base = "/") {
  const { origin } = await serve(Number(process.env.PORT ?? 8080)).catch((error) => {
    console.error(`${error.message}; name another port with PORT`);
    process.exit(1);
  });
  console.log(`${origin}${base}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await serveFromShell(serve);

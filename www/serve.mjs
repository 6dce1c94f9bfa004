// Serves www/dist on loopback: `node serve.mjs`, at port 8080 or $PORT. Any server of static files works.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

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

/** Gives `{ origin, close }`. Port 0 stands for any free port. */
export async function serve(port = 0) {
  const root = join(import.meta.dirname, "dist");
  const server = createServer((request, response) => {
    try {
      const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
      const file = join(root, path.endsWith("/") ? `${path}index.html` : path);
      const { size } = statSync(file);
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-length": size, "cache-control": "no-cache" });
      createReadStream(file)
        .on("error", () => response.destroy())
        .pipe(response);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
    }
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { origin } = await serve(Number(process.env.PORT ?? 8080)).catch((error) => {
    console.error(`${error.message}; name another port with PORT`);
    process.exit(1);
  });
  console.log(`${origin}/`);
}

// One headless Chromium; each peer has a page of its own. Files come from a server on loopback.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const TYPES = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];
const PAGE = `<!doctype html><meta charset="utf-8"><title>peer</title>
<script type="importmap">${JSON.stringify({
  imports: {
    "onnxruntime-web": "/packages/onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
    "@huggingface/transformers": "/packages/@huggingface/transformers/dist/transformers.min.js",
  },
})}</script>
<script type="module">
import { serve } from "/peers/engines/serve.js";
window.answer = serve();
</script>`;

/** `folders` maps the first part of a URL's path to a folder. */
export async function chromiumRuntime(executablePath, folders) {
  const server = createServer((request, response) =>
    respond(new URL(request.url, "http://peer").pathname, folders, response),
  );
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  const context = await browser.newContext();
  return {
    version: browser.version(),
    async open() {
      const page = await context.newPage();
      page.setDefaultTimeout(0);
      page.on("pageerror", (error) => console.error("page:", error.message));
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      await page.waitForFunction(() => window.answer);
      return {
        send: (request) => page.evaluate((r) => window.answer(r), request),
        close: () => page.close(),
      };
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

function respond(path, folders, response) {
  if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  const [, top, ...rest] = normalize(decodeURIComponent(path)).split("/");
  const file = folders[top] && join(folders[top], ...rest);
  if (!file || !existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  return createReadStream(file).pipe(response);
}

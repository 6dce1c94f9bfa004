// Serves docs/.vitepress/dist on loopback, at port 8080 or $PORT. Any server of static files works.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve, serveFromShell } from "../www/serve.mjs";

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  // The site is built for this path.
  const base = process.env.CROSSRANK_DOCS_BASE ?? "/";
  const root = join(import.meta.dirname, ".vitepress/dist");
  await serveFromShell((port) => serve(port, { root, base }), base);
}

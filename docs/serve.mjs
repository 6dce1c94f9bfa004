// Serves docs/.vitepress/dist on loopback, at port 8080 or $PORT. Any server of static files works.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve as serveFiles, serveFromShell } from "../www/serve.mjs";

/** Where the site is served. It is built for the same path. */
export const BASE = process.env.CROSSRANK_DOCS_BASE ?? "/";

export const serve = (port) => serveFiles(port, { root: join(import.meta.dirname, ".vitepress/dist"), base: BASE });

if (import.meta.url === pathToFileURL(process.argv[1]).href) await serveFromShell(serve, BASE);

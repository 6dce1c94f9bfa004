// A Cloudflare Worker, with Cloudflare's types in place of the DOM's.

import { createHandler } from "crossrank/edge";

interface Env {
  ASSETS: Fetcher;
  BUCKET: R2Bucket;
  TOKENS: string;
}

const worker = createHandler<Env>({ model: (env) => env.ASSETS, tokens: (env) => env.TOKENS });
createHandler<Env>({ model: (env) => env.BUCKET });
createHandler<Env>({ model: (env) => ({ get: (path) => env.BUCKET.get(`models/${path}`) }) });

export default worker satisfies ExportedHandler<Env>;

// The public interface of a platform.

import type * as declared from "../../types/index.js";
import type { Platform } from "../core/platform.js";
import { createLoader } from "../load/loader.js";
import type { Exports } from "./declared.js";
import { createEmbedder } from "./embedder.js";
import { createReranker } from "./reranker.js";

type Api = Pick<Exports<typeof declared>, "Embedder" | "Reranker" | "rerank">;

export function createApi(platform: Platform): Api {
  const load = createLoader(platform);
  return { Embedder: createEmbedder(load), ...createReranker(platform, load) };
}

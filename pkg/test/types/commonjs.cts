// A CommonJS module. It gets the packages by `require`.

import { Reranker } from "crossrank";
import { createHandler } from "crossrank/edge";
import * as model from "crossrank-minilm-l6-en";

export const loading = Reranker.load({ model });
export const handler = createHandler({ model: "https://example.com/model/" });

// The types of `crossrank/edge`, as its hosts take it.

import { createHandler, type EdgeHandler } from "crossrank/edge";
import { expectTypeOf } from "expect-type";

interface Env {
  MODEL: { fetch(url: URL): Promise<Response> };
  TOKENS: string;
}

const worker = createHandler<Env>({ model: (env) => env.MODEL, tokens: (env) => env.TOKENS, cors: "*" });
expectTypeOf(worker).toEqualTypeOf<EdgeHandler<Env>>();
expectTypeOf(worker.fetch).parameter(1).toEqualTypeOf<Env>();

const plain = createHandler({ model: "https://example.com/model/" });
/** The handler that Deno.serve() and Bun.serve() take. */
type Serve = (request: Request, info: { remote: string }) => Response | Promise<Response>;
expectTypeOf(plain.fetch).toExtend<Serve>();

// @ts-expect-error: a model is needed
createHandler({ tokens: "secret" });
// @ts-expect-error: tokens are texts
createHandler({ model: "https://example.com/model/", tokens: 7 });

import { createHandler } from "crossrank/edge";

export default createHandler({
  model: (env) => env.ASSETS,
  // The secret TOKENS: one bearer token a line. Until it is set, nobody is answered.
  tokens: (env) => env.TOKENS,
});

import { createHandler } from "crossrank/edge";

export default createHandler({
  model: (env) => env.ASSETS,
  // The secret TOKENS has one bearer token in each line. Until it is set, every request is refused.
  tokens: (env) => env.TOKENS,
});

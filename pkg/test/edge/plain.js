// The Worker of the tests that need no token: the model in an R2 bucket, and a page that may call.
import { createHandler } from "crossrank/edge";

export default createHandler({
  model: (env) => env.BUCKET,
  cors: "https://page.example",
});

// A worker of the app's own that imports the package.
import { Reranker } from "crossrank";
import { rankWith } from "./rank.js";

const rank = rankWith(Reranker);

globalThis.onmessage = async ({ data: { id, given } }) => {
  await rank(...given).then(
    (value) => postMessage({ id, value }),
    (error) => postMessage({ id, error: String(error) }),
  );
};

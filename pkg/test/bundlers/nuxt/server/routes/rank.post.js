import { Reranker } from "crossrank";
import { rankWith } from "../../../rank.js";

const rank = rankWith(Reranker);

export default defineEventHandler(async (event) => {
  const { pairs, options } = JSON.parse(await readRawBody(event));
  return rank(pairs, options);
});

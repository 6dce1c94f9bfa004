import { Reranker } from "crossrank";
import { rankWith } from "../../../rank.js";

const rank = rankWith(Reranker);

export async function POST({ request }) {
  const { pairs, options } = await request.json();
  return Response.json(await rank(pairs, options));
}

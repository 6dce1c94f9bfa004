import { json } from "@sveltejs/kit";
import { Reranker } from "crossrank";
import { rankWith } from "../../../../rank.js";

const rank = rankWith(Reranker);

export async function POST({ request }) {
  const { pairs, options } = await request.json();
  return json(await rank(pairs, options));
}

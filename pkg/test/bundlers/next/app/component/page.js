// A Server Component that reranks.
import { Reranker } from "crossrank";
import pairs from "../../../pairs.json";
import { rankWith } from "../../../rank.js";

export const dynamic = "force-dynamic";

export default async function Page() {
  return <pre>{JSON.stringify(await rankWith(Reranker)(pairs, {}))}</pre>;
}

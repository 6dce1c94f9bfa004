import type { NextRequest } from "next/server";
import { search } from "../../../lib/search";

export async function GET(request: NextRequest) {
  const query = request.nextUrl.searchParams.get("q")?.trim();
  if (!query) return Response.json({ error: "ask a question: /api/search?q=..." }, { status: 400 });
  try {
    return Response.json(await search(query, request.signal));
  } catch (error) {
    // Nobody waits for an answer that was aborted.
    if (!request.signal.aborted) console.error(error);
    return Response.json({ error: "the search failed; see the server's log" }, { status: 500 });
  }
}

// Requests of web pages from other origins.

/** The answer to a browser that asks whether it may send a request from another origin. */
export function preflightResponse(request: Request, origins: string[]): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) {
    return undefined;
  }
  const headers = new Headers({ "access-control-allow-methods": "GET, POST" });
  const requested = request.headers.get("access-control-request-headers");
  if (requested !== null) headers.set("access-control-allow-headers", requested);
  return withCors(request, new Response(null, { status: 204, headers }), origins);
}

/** Names the allowed origin. Without one, browsers withhold the response from pages of other origins. */
export function withCors(request: Request, response: Response, origins: string[]): Response {
  if (origins.length === 0) return response;
  const isPublic = origins.includes("*");
  const origin = request.headers.get("origin");
  const allowed = isPublic ? "*" : origins.find((allowed) => allowed === origin);
  if (!isPublic) response.headers.append("vary", "origin");
  if (allowed === undefined) return response;
  response.headers.set("access-control-allow-origin", allowed);
  response.headers.set("access-control-expose-headers", "x-request-id, retry-after");
  return response;
}

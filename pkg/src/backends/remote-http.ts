// One request to a service: its timeout, its retries, and the meaning of refusals.

import { withTimeout } from "../core/abort.js";
import { CrossrankError } from "../core/errors.js";
import { backoff, MAX_RETRY_AFTER_MS, pause, retryAfterOf } from "../core/retry.js";
import { errorMessageOf } from "./remote-api.js";

/** As in src/remote/http.rs. */
const MAX_RESPONSE_BYTES = 64 << 20;

export interface Endpoint {
  url: URL;
  apiKey: string | undefined;
  fetch: typeof globalThis.fetch;
  /** The number of requests after the first one. */
  retries: number;
  /** The delay before the first retry, in milliseconds. It doubles with each later one. */
  retryDelay: number;
  /** How long one request may take, in milliseconds. */
  timeout: number;
}

/** A transient failure: a retry may succeed. */
class TransientError {
  constructor(
    readonly message: string,
    readonly retryAfter?: number,
    readonly cause?: unknown,
  ) {}
}

/** Posts JSON and gives the JSON of the answer. */
export async function postJson(endpoint: Endpoint, payload: object, signal?: AbortSignal): Promise<unknown> {
  const body = JSON.stringify(payload);
  for (let retry = 0; ; retry += 1) {
    try {
      return await post(endpoint, body, signal);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const { message, retryAfter, cause } = error;
      const delay = retryAfter ?? backoff(endpoint.retryDelay, retry);
      if (retry === endpoint.retries || delay > MAX_RETRY_AFTER_MS) {
        const wait = retryAfter ? ` and asks to wait ${Math.ceil(retryAfter / 1000)} s` : "";
        throw new CrossrankError(
          "remote-unavailable",
          `${addressOf(endpoint)} ${message}${wait}; try again later`,
          { cause },
        );
      }
      await pause(delay, signal);
    }
  }
}

async function post(endpoint: Endpoint, body: string, signal?: AbortSignal): Promise<unknown> {
  const { response, text } = await exchange(endpoint, body, signal);
  // A page only learns that there was a redirect, and not its status.
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    // The query string may hold a key.
    const target = response.headers.get("location")?.split("?")[0];
    throw refusedError(
      endpoint,
      `redirects${target ? ` to ${target}` : ""}; give the address that it leads to`,
    );
  }
  if (!response.ok) {
    const reason = errorMessageOf(redact(endpoint, text));
    const message = `answers ${response.status}${reason && `: ${reason}`}`;
    if ([408, 429].includes(response.status) || response.status >= 500) {
      throw new TransientError(redact(endpoint, message), retryAfterOf(response));
    }
    throw refusedError(endpoint, `${message}${ADVICE[response.status] ?? ""}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `${addressOf(endpoint)} sends no JSON; check that the address is that of an API`;
    throw new CrossrankError("remote-invalid-answer", message, { cause });
  }
}

async function exchange(
  endpoint: Endpoint,
  body: string,
  signal?: AbortSignal,
): Promise<{ response: Response; text: string }> {
  const { url, apiKey, fetch, timeout } = endpoint;
  const timeoutError = new Error("it takes too long");
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (apiKey !== undefined) headers.authorization = `Bearer ${apiKey}`;
  try {
    // Redirects are not followed, because the key is for this service only.
    const init = { method: "POST", headers, body, redirect: "manual" } as const;
    return await withTimeout(timeout, timeoutError, signal, async (signal) => {
      const response = await fetch(url, { ...init, signal });
      return { response, text: await readText(endpoint, response) };
    });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof CrossrankError) throw cause;
    const problem =
      cause === timeoutError ? `does not answer within ${timeout} ms` : "cannot be reached, or hangs up";
    throw new TransientError(problem, undefined, cause);
  }
}

/** The text of an answer, unless that is too long. */
async function readText(endpoint: Endpoint, response: Response): Promise<string> {
  // Programs that replace `fetch` need not make streams.
  if (!response.body) return response.text();
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let [text, bytes] = ["", 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > MAX_RESPONSE_BYTES) {
      reader.cancel().catch(() => {});
      const message = `answers with more than the limit of ${MAX_RESPONSE_BYTES} bytes`;
      const advice = "check that the address is that of an API";
      throw new CrossrankError("remote-invalid-answer", `${addressOf(endpoint)} ${message}; ${advice}`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

const ADVICE: Record<number, string> = {
  401: "; check the API key",
  403: "; check the API key",
  404: "; check the address and the model's name",
  413: "; send less at once with maxDocuments, or shorten the texts",
  422: "; send less at once with maxDocuments, or shorten the texts",
};

function refusedError(endpoint: Endpoint, message: string): CrossrankError {
  const text = `${addressOf(endpoint)} ${redact(endpoint, message)}`;
  return new CrossrankError("remote-refused", text);
}

/** The address without its query string, in which some services take keys. */
function addressOf({ url }: Endpoint): string {
  return url.origin + url.pathname;
}

/** Removes the key: services quote what they were sent. */
function redact({ apiKey }: Endpoint, text: string): string {
  return apiKey === undefined ? text : text.replaceAll(apiKey, "[key]");
}

// One question to a service: timeouts, retries, and what its refusals mean.

import { backoff, pause, unlessLate } from "./abort.js";
import { CrossrankError } from "./errors.js";
import { complaintOf } from "./remote-api.js";

export interface Line {
  url: URL;
  apiKey: string | undefined;
  fetch: typeof globalThis.fetch;
  /** Requests after the first one. */
  retries: number;
  /** The wait before the first retry, in milliseconds; each later one is twice as long. */
  retryDelay: number;
  /** The longest that one request may take, in milliseconds. */
  timeout: number;
}

/** A service that asks for a longer wait than this has failed: whoever calls decides then. */
const LONGEST_RETRY_AFTER = 60_000;

/** A failure that may be over by the next request. */
class Passing {
  constructor(
    readonly message: string,
    readonly retryAfter?: number,
    readonly cause?: unknown,
  ) {}
}

/** Posts JSON and gives the JSON of the answer. */
export async function ask(line: Line, question: object, signal?: AbortSignal): Promise<unknown> {
  const body = JSON.stringify(question);
  for (let retry = 0; ; retry += 1) {
    try {
      return await send(line, body, signal);
    } catch (failure) {
      if (!(failure instanceof Passing)) throw failure;
      const { message, retryAfter, cause } = failure;
      const wait = retryAfter ?? backoff(line.retryDelay, retry);
      if (retry === line.retries || wait > LONGEST_RETRY_AFTER) {
        const later = retryAfter ? ` and asks for ${Math.ceil(retryAfter / 1000)} s of rest` : "";
        throw new CrossrankError(
          "remote-unavailable",
          `${placeOf(line)} ${message}${later}; try again later`,
          { cause },
        );
      }
      await pause(wait, signal);
    }
  }
}

async function send(line: Line, body: string, signal?: AbortSignal): Promise<unknown> {
  const { response, text } = await exchange(line, body, signal);
  // A page sees of a redirect only that there was one.
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    // A query may hold a key.
    const to = response.headers.get("location")?.split("?")[0];
    throw refused(line, `redirects${to ? ` to ${to}` : ""}; give the address that it leads to`);
  }
  if (!response.ok) {
    const complaint = complaintOf(redact(line, text));
    const said = `answers ${response.status}${complaint && `: ${complaint}`}`;
    if ([408, 429].includes(response.status) || response.status >= 500) {
      throw new Passing(redact(line, said), retryAfterOf(response));
    }
    throw refused(line, `${said}${ADVICE[response.status] ?? ""}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `${placeOf(line)} answers no JSON; check that the address is that of an API`;
    throw new CrossrankError("remote-invalid-answer", message, { cause });
  }
}

async function exchange(line: Line, body: string, signal?: AbortSignal) {
  const { url, apiKey, fetch, timeout } = line;
  const late = new Error("it takes too long");
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (apiKey !== undefined) headers.authorization = `Bearer ${apiKey}`;
  try {
    // A redirect is not followed: the key is for this service only.
    const init = { method: "POST", headers, body, redirect: "manual" } as const;
    return await unlessLate(timeout, late, signal, async (signal) => {
      const response = await fetch(url, { ...init, signal });
      return { response, text: await response.text() };
    });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    const what = cause === late ? `does not answer within ${timeout} ms` : "cannot be reached, or hangs up";
    throw new Passing(what, undefined, cause);
  }
}

/** The wait that a service asks for, in milliseconds: seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get("retry-after")?.trim();
  if (!header) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

const ADVICE: Record<number, string> = {
  401: "; check the API key",
  403: "; check the API key",
  404: "; check the address and the model's name",
  413: "; send less at once with maxDocuments, or shorten the texts",
  422: "; send less at once with maxDocuments, or shorten the texts",
};

function refused(line: Line, what: string): CrossrankError {
  return new CrossrankError("remote-refused", `${placeOf(line)} ${redact(line, what)}`);
}

/** The address without its query string, where some services take keys. */
function placeOf({ url }: Line): string {
  return url.origin + url.pathname;
}

/** Services quote what they were sent. */
function redact({ apiKey }: Line, text: string): string {
  return apiKey === undefined ? text : text.replaceAll(apiKey, "[key]");
}

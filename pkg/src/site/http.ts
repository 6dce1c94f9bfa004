// Files over HTTP, and what a browser tells of its user's wishes.

import { CrossrankError } from "../core/errors.js";
import type { OpenMode } from "./platform.js";

const CACHE_MODES: Record<OpenMode, RequestCache> = {
  copy: "force-cache",
  check: "no-cache",
  reload: "reload",
};

/** The content of a file; undefined if the host has none. */
export async function openOverHttp(url: URL, mode: OpenMode): Promise<Uint8Array | undefined> {
  const response = await fetch(url, { cache: CACHE_MODES[mode] }).catch((cause) => {
    throw new CrossrankError("fetch-failed", `${url.href} could not be fetched; check the network`, {
      cause,
    });
  });
  const { ok, status } = response;
  if (ok) return new Uint8Array(await response.arrayBuffer());
  if (status < 500 && status !== 408 && status !== 429) return undefined;
  throw new CrossrankError("fetch-failed", `${url.href} answered with status ${status}; try again later`);
}

export function savesData(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } };
  return (
    connection?.saveData === true ||
    globalThis.matchMedia?.("(prefers-reduced-data: reduce)").matches === true
  );
}

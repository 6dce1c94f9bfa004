// Copies of files in the browser's Cache API, so that a later load needs no network.

import type { LoadOptions } from "../../types/index.js";
import { withTimeout } from "../core/abort.js";
import type { FileStorage } from "../core/platform.js";
import { describeValue, invalidArgument } from "../core/validate.js";

/** A load does without a storage that takes longer than this. */
const MAX_WAIT_MS = 20_000;

/**
 * Copies save time and let a page work offline, but a load works without them. The storage stays
 * empty, without an error, if the runtime has no Cache API, the origin is opaque or the quota is
 * exhausted.
 */
export class BrowserFileStorage implements FileStorage {
  isEnabled: boolean;
  #cache: Promise<Cache> | undefined;

  constructor(kind: LoadOptions["storage"] = "cache") {
    if (kind !== "cache" && kind !== "none") {
      throw invalidArgument(`storage is ${describeValue(kind)}; give "cache" or "none"`);
    }
    this.isEnabled = kind === "cache" && "caches" in globalThis;
  }

  open(slot: string, version?: string): Promise<Blob | undefined> {
    return this.#attempt(async (cache) => {
      const copy = await find(cache, slot, version);
      return copy?.blob();
    });
  }

  async read(slot: string, version?: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const copy = await this.open(slot, version);
    return this.#attempt(async () => copy && new Uint8Array(await copy.arrayBuffer()));
  }

  async has(slot: string, version?: string): Promise<boolean> {
    return (await this.#attempt((cache) => find(cache, slot, version))) !== undefined;
  }

  write(slot: string, version: string, content: BodyInit): Promise<void> {
    return this.#attempt(async (cache) => {
      const key = keyOf(slot, version);
      await cache.put(key, new Response(content));
      for (const other of await cache.keys(key, { ignoreSearch: true })) {
        if (other.url !== key.href) await cache.delete(other);
      }
    });
  }

  async remove(slot: string): Promise<void> {
    await this.#attempt((cache) => cache.delete(keyOf(slot), { ignoreSearch: true }));
  }

  async #attempt<R>(use: (cache: Cache) => Promise<R>): Promise<R | undefined> {
    if (!this.isEnabled) return undefined;
    const timeoutError = new Error("the storage does not answer");
    try {
      return await withTimeout(MAX_WAIT_MS, timeoutError, undefined, async () =>
        use(await (this.#cache ??= caches.open("crossrank"))),
      );
    } catch (error) {
      if (error === timeoutError) this.isEnabled = false;
      return undefined;
    }
  }
}

function find(cache: Cache, slot: string, version?: string): Promise<Response | undefined> {
  return cache.match(keyOf(slot, version), { ignoreSearch: version === undefined });
}

/** Keys have to be URLs. These have the page's own origin and are never fetched. */
function keyOf(slot: string, version = ""): URL {
  const path = `/crossrank/${encodeURIComponent(slot)}?${encodeURIComponent(version)}`;
  return new URL(path, globalThis.origin);
}

// Copies of files in the browser's Cache API, so that a later load needs no network.

import type { LoadOptions } from "../types/index.js";
import { CrossrankError } from "./errors.js";
import { show } from "./input.js";

/**
 * A copy of each file, in a slot that says which file it is and under the version that says which
 * content it has. A new version takes the place of the old one.
 *
 * Copies save time and make a page work offline; a load works without. A runtime without caches,
 * an opaque origin, a refused quota: each leaves the storage empty, and none of them is an error.
 */
export class Storage {
  readonly #enabled: boolean;
  #cache: Promise<Cache> | undefined;

  constructor(kind: LoadOptions["storage"] = "cache") {
    if (kind !== "cache" && kind !== "none") {
      const message = `storage is ${show(kind)}; give "cache" or "none"`;
      throw new CrossrankError("invalid-argument", message);
    }
    this.#enabled = kind === "cache" && "caches" in globalThis;
  }

  /** The file's copy: of this version, or of any. Its bytes stay where they are. */
  open(slot: string, version?: string): Promise<Blob | undefined> {
    return this.#attempt(async (cache) => {
      const copy = await cache.match(keyOf(slot, version), { ignoreSearch: version === undefined });
      return copy?.blob();
    });
  }

  /** The bytes of a copy. */
  async read(slot: string, version?: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const copy = await this.open(slot, version);
    return this.#attempt(async () => copy && new Uint8Array(await copy.arrayBuffer()));
  }

  async has(slot: string, version: string): Promise<boolean> {
    return (await this.#attempt((cache) => cache.match(keyOf(slot, version)))) !== undefined;
  }

  /** Resolves when the copy is kept, or could not be. */
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

  async #attempt<T>(use: (cache: Cache) => Promise<T>): Promise<T | undefined> {
    if (!this.#enabled) return undefined;
    try {
      return await use(await (this.#cache ??= caches.open("crossrank")));
    } catch {
      return undefined;
    }
  }
}

/** Keys have to be addresses; these are of the page's own origin and are never fetched. */
function keyOf(slot: string, version = ""): URL {
  const path = `/crossrank/${encodeURIComponent(slot)}?${encodeURIComponent(version)}`;
  return new URL(path, globalThis.origin);
}

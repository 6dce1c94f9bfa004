// Copies of files in the browser's Cache API, so that a later load needs no network.

import type { LoadOptions } from "../../types/index.js";
import { withTimeout } from "../core/abort.js";
import { DamagedCopy } from "../core/content.js";
import type { FileStorage, StoredCopy } from "../core/platform.js";
import { describeValue, invalidArgument } from "../core/validate.js";
import { canHash, sha256 } from "./hash.js";

/** A load does without a storage that takes longer than this. */
const MAX_WAIT_MS = 20_000;
/** The header of a copy with the SHA-256 of its content and its key. A copy without it is passed over. */
const SEAL = "crossrank-copy";

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
    this.isEnabled = kind === "cache" && "caches" in globalThis && canHash();
  }

  open(slot: string, version?: string): Promise<StoredCopy | undefined> {
    return this.#attempt(async (cache) => {
      const copy = await find(cache, slot, version);
      // One that cannot be read would else stay for ever.
      const content = await copy?.response.blob().catch(() => this.remove(slot));
      if (!copy || !content) return undefined;
      const verify = async () => {
        const hash = await content.arrayBuffer().then(
          (bytes) => sha256(new Uint8Array(bytes)),
          () => undefined,
        );
        if (hash === copy.hash) return;
        await this.remove(slot);
        throw new DamagedCopy(`the copy of ${slot} is damaged`);
      };
      return { content, verify };
    });
  }

  async read(slot: string, version?: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const copy = await this.open(slot, version);
    return this.#attempt(async () => {
      await copy?.verify();
      return copy && new Uint8Array(await copy.content.arrayBuffer());
    });
  }

  async has(slot: string, version?: string): Promise<boolean> {
    return (await this.#attempt((cache) => find(cache, slot, version))) !== undefined;
  }

  async write(slot: string, version: string, content: Uint8Array, hash?: string): Promise<void> {
    if (!this.isEnabled) return;
    const seal = `${hash ?? (await sha256(content))} `;
    await this.#attempt(async (cache) => {
      const key = keyOf(slot, version);
      const headers = { [SEAL]: seal + keyText(key) };
      await cache.put(key, new Response(content as Uint8Array<ArrayBuffer>, { headers }));
      for (const other of await versionsOf(cache, key)) if (other !== key.href) await cache.delete(other);
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

/** A copy that was written under this name, and the SHA-256 of what was written. */
async function find(
  cache: Cache,
  slot: string,
  version?: string,
): Promise<{ response: Response; hash: string } | undefined> {
  const key = keyOf(slot, version);
  const urls = version === undefined ? await versionsOf(cache, key) : [key.href];
  for (const url of urls) {
    const response = await cache.match(url);
    const [hash, text] = response?.headers.get(SEAL)?.split(" ") ?? [];
    if (response && hash && text === keyText(new URL(url))) return { response, hash };
  }
  return undefined;
}

/** The keys of all versions of a copy. */
async function versionsOf(cache: Cache, key: URL): Promise<string[]> {
  return (await cache.keys(key, { ignoreSearch: true })).map(({ url }) => url);
}

/** Keys have to be URLs. These have the page's own origin and are never fetched. */
function keyOf(slot: string, version = ""): URL {
  const path = `/crossrank/${encodeURIComponent(slot)}?${encodeURIComponent(version)}`;
  return new URL(path, globalThis.origin);
}

function keyText({ pathname, search }: URL): string {
  return pathname + search;
}

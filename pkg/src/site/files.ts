// The files of an index, each of which is fetched once.

import { isCoreError } from "../core/panic.js";
import type { SiteIndex } from "./bindings.js";
import type { OpenMode } from "./platform.js";

/** What a host answered: a content, or that there is none. It throws where it did not answer. */
export type Open = (name: string, mode: OpenMode) => Promise<Uint8Array | undefined>;

export class IndexFiles {
  readonly #index: SiteIndex;
  readonly #open: Open;
  readonly #loading = new Map<string, Promise<void>>();
  /** Files that the network kept back, which may be had later. */
  readonly #unreachable = new Set<string>();

  constructor(index: SiteIndex, open: Open) {
    this.#index = index;
    this.#open = open;
  }

  /** Brings files into the index, or tells it that they cannot be had. It goes on when the caller no longer waits. */
  async load(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map((name) => {
        const loading = this.#loading.get(name) ?? this.#load(name);
        this.#loading.set(name, loading);
        return loading.finally(() => this.#loading.delete(name));
      }),
    );
  }

  mayReturn(name: string): boolean {
    return this.#unreachable.has(name);
  }

  async #load(name: string): Promise<void> {
    // A name stands for one content, so that copies may be as old as they like. One that is not that content
    // is asked for again, past the copies.
    for (const mode of ["copy", "reload"] as const) {
      try {
        const content = await this.#open(name, mode);
        if (!content) break;
        this.#index.add(name, content);
        this.#unreachable.delete(name);
        return;
      } catch (error) {
        if (isCoreError(error)) continue;
        this.#unreachable.add(name);
        return this.#index.fail(name);
      }
    }
    this.#unreachable.delete(name);
    this.#index.fail(name);
  }
}

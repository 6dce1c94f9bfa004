// Answers queries by the index, for which it fetches the files that they need.

import { isComputeFailure } from "../core/errors.js";
import type { FindOptions, Found, SiteIndex } from "./bindings.js";
import type { IndexLoader, LoadedIndex } from "./index-loader.js";

/** What one query found. */
export interface Answer extends Found {
  /** The index that it was found in. */
  source: LoadedIndex;
}

export class Finder {
  readonly #loader: IndexLoader;
  #loading: Promise<LoadedIndex> | undefined;
  /** Indexes that have been compared with what the host has. */
  readonly #compared = new WeakSet<LoadedIndex>();

  constructor(loader: IndexLoader) {
    this.#loader = loader;
  }

  /** The index, without any of its files. */
  load(): Promise<LoadedIndex> {
    if (!this.#loading) {
      const loading = this.#loader.load();
      this.#loading = loading;
      loading.catch(() => this.#forget(loading));
    }
    return this.#loading;
  }

  /** What a query finds: after a partial answer, if there is one, the complete one. */
  async *find(query: string, options: FindOptions): AsyncGenerator<Answer, void, void> {
    for (;;) {
      const source = await this.load();
      const asked = new Set<string>();
      for (;;) {
        const found = this.#use(source, (index) => index.search(query, options));
        const returning = found.missing.filter((name) => source.files.mayReturn(name));
        const wanted = [...found.needs, ...returning].filter((name) => !asked.has(name));
        if (wanted.length === 0) {
          if (found.missing.length > 0 && (await this.#renew(source))) break;
          yield { ...found, source };
          return;
        }
        for (const name of wanted) asked.add(name);
        // They arrive while the partial answer is looked at.
        const loading = source.files.load(wanted);
        if (found.isPartial) yield { ...found, source };
        await loading;
      }
    }
  }

  /** Fetches what makes the first answers of later queries come sooner. */
  async improve(language: string | undefined): Promise<void> {
    const source = await this.load();
    await source.files.load(this.#use(source, (index) => index.useful(language)));
  }

  /** An instance that crashed is not used again. */
  #use<R>(source: LoadedIndex, ask: (index: SiteIndex) => R): R {
    try {
      return source.use(() => ask(source.index));
    } catch (error) {
      if (isComputeFailure(error)) this.#loading = undefined;
      throw error;
    }
  }

  /** Whether the host has another index by now, which is then used: its files replaced those of the former one. */
  async #renew(source: LoadedIndex): Promise<boolean> {
    if (this.#compared.has(source)) return false;
    this.#compared.add(source);
    const next = await this.#loader.renew(source).catch(() => undefined);
    if (!next) return false;
    this.#compared.add(next);
    this.#loading = Promise.resolve(next);
    return true;
  }

  #forget(loading: Promise<LoadedIndex>): void {
    if (this.#loading === loading) this.#loading = undefined;
  }
}

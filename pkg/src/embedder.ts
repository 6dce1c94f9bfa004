// The public class for vectors.

import type * as types from "../types/index.js";
import type { EmbedCallOptions, EmbedderLoadOptions } from "../types/index.js";
import { Stop } from "./abort.js";
import { Call } from "./call.js";
import type { Home } from "./home.js";
import { withName } from "./hub.js";
import { arrayOf, check, embedControlOf, isObject, textOf } from "./input.js";
import { embedding } from "./kinds.js";
import { checked, type Load } from "./load.js";
import type { Embedding } from "./work.js";

export function defineEmbedder(load: Load): typeof types.Embedder {
  class Embedder {
    readonly dimensions: number;
    readonly #home: Home<Embedding>;

    private constructor(home: Home<Embedding>, dimensions: number) {
      this.#home = home;
      this.dimensions = dimensions;
    }

    static async load(
      given: string | EmbedderLoadOptions = {},
      named?: types.NamedEmbedderLoadOptions,
    ): Promise<Embedder> {
      const options = withName("embed", given, named);
      const home = await load(checked(options), embedding(options));
      try {
        const { dimensions } = await home.info();
        options.signal?.throwIfAborted();
        return new Embedder(home, dimensions);
      } catch (error) {
        void home.dispose();
        throw error;
      }
    }

    async embed(texts: readonly string[], options?: EmbedCallOptions): Promise<Float32Array[]> {
      const given = arrayOf(texts, "texts").map((text, i) => textOf(text, `text ${i}`));
      return this.#embed(given, false, (index) => `text ${index}`, options);
    }

    async embedQuery(query: string, options?: EmbedCallOptions): Promise<Float32Array> {
      const given = [textOf(query, "the query")];
      return (await this.#embed(given, true, () => "the query", options))[0]!;
    }

    async encode(text: string, options?: types.EncodeOptions): Promise<types.TextEncoding> {
      check("", options, "an object", isObject(options));
      const { query = false } = options ?? {};
      check("query", query, "true or false", typeof query === "boolean");
      const encoding = await this.#home.encode(textOf(text, "the text"), { query });
      return { ids: encoding.ids, truncated: encoding.documentTruncated };
    }

    async info(): Promise<types.EmbedderInfo> {
      return this.#home.info();
    }

    async dispose(): Promise<void> {
      await this.#home.dispose();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.dispose();
    }

    async #embed(
      texts: string[],
      query: boolean,
      place: (index: number) => string,
      options: EmbedCallOptions | undefined,
    ): Promise<Float32Array[]> {
      const control = embedControlOf(options);
      control.options.query = query;
      const job = {
        queries: [""],
        documents: [texts],
        place: (_list: number, index: number) => place(index),
      };
      const [total, onProgress] = [texts.length, options?.onProgress];
      let embedded = 0;
      const call = new Call<Embedding>(job, () => onProgress?.({ embedded: ++embedded, total }));
      const stop = new Stop(control.signal);
      await call.run(this.#home, control, stop).finally(() => stop.unfollow());
      return call.results[0]!.map((vector) => vector!);
    }
  }

  // The public class has a private constructor, which no other class can be assigned to.
  return Embedder as unknown as typeof types.Embedder;
}

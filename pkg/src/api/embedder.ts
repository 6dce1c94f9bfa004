// The public class for vectors.

import type * as declared from "../../types/index.js";
import type { EmbedCallOptions, EmbedderLoadOptions } from "../../types/index.js";
import { LinkedAbortController, throwIfAborted } from "../core/abort.js";
import type { Backend } from "../core/backend.js";
import type { Embedding } from "../core/task.js";
import { checkText, copyArray } from "../core/validate.js";
import { parseLoadArguments } from "../load/load-options.js";
import type { LoadModel } from "../load/loader.js";
import { embedderKind } from "../load/model-kind.js";
import { Call } from "./call.js";
import { parseEmbedOptions, parseEncodeOptions } from "./options.js";

export function createEmbedder(load: LoadModel) {
  return class Embedder implements declared.Embedder {
    readonly dimensions: number;
    readonly #backend: Backend<Embedding>;

    private constructor(backend: Backend<Embedding>, dimensions: number) {
      this.#backend = backend;
      this.dimensions = dimensions;
    }

    static async load(
      nameOrOptions: string | EmbedderLoadOptions = {},
      namedOptions?: declared.NamedEmbedderLoadOptions,
    ): Promise<Embedder> {
      const given = parseLoadArguments<EmbedderLoadOptions>("embed", nameOrOptions, namedOptions);
      const backend = await load(given, embedderKind(given.options));
      try {
        const { dimensions } = await backend.info();
        throwIfAborted(given.options.signal);
        return new Embedder(backend, dimensions);
      } catch (error) {
        void backend.dispose();
        throw error;
      }
    }

    async embed(texts: readonly string[], options?: EmbedCallOptions): Promise<Float32Array[]> {
      const given = copyArray(texts, "texts").map((text, i) => checkText(text, `text ${i}`));
      return this.#embed(given, false, (index) => `text ${index}`, options);
    }

    async embedQuery(query: string, options?: EmbedCallOptions): Promise<Float32Array> {
      const given = [checkText(query, "the query")];
      return (await this.#embed(given, true, () => "the query", options))[0]!;
    }

    async encode(text: string, options?: declared.EncodeOptions): Promise<declared.TextEncoding> {
      const control = parseEncodeOptions(options);
      const { ids, documentTruncated } = await this.#backend.encode(checkText(text, "the text"), control);
      return { ids, truncated: documentTruncated };
    }

    async info(): Promise<declared.EmbedderInfo> {
      return this.#backend.info();
    }

    async dispose(): Promise<void> {
      await this.#backend.dispose();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.dispose();
    }

    async #embed(
      texts: string[],
      isQuery: boolean,
      describeText: (index: number) => string,
      options: EmbedCallOptions | undefined,
    ): Promise<Float32Array[]> {
      const control = parseEmbedOptions(options);
      control.options.query = isQuery;
      const job = {
        queries: [""],
        documents: [texts],
        describe: (_list: number, index: number) => describeText(index),
      };
      const [total, onProgress] = [texts.length, options?.onProgress];
      let embedded = 0;
      const call = new Call<Embedding>(job, () => onProgress?.({ embedded: ++embedded, total }));
      const controller = new LinkedAbortController(control.signal);
      await call.run(this.#backend, control, controller).finally(() => controller.unlink());
      return call.results[0]!.map((vector) => vector!);
    }
  };
}

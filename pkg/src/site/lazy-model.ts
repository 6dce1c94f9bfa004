// A model that is loaded once, by the first search that wants it.

import type { Progress } from "../../types/index.js";
import { describeValue, invalidArgument } from "../core/validate.js";

/** The model, or a function that loads it. */
type Source<Model> = Model | ((onProgress: (progress: Progress) => void) => Model | PromiseLike<Model>);

export class LazyModel<Model extends object> {
  readonly #option: string;
  readonly #kind: string;
  readonly #isModel: (value: unknown) => value is Model;
  readonly #onProgress: (progress: Progress) => void;
  #loading: Promise<Model> | undefined;

  /** `option` and `kind` name in errors where the model comes from, and what it must be. */
  constructor(
    option: string,
    kind: string,
    isModel: (value: unknown) => value is Model,
    onProgress: (progress: Progress) => void,
  ) {
    this.#option = option;
    this.#kind = kind;
    this.#isModel = isModel;
    this.#onProgress = onProgress;
  }

  /** After a failure, the next search loads it again. */
  load(source: Source<Model>): Promise<Model> {
    if (!this.#loading) {
      const loading = this.#load(source);
      this.#loading = loading;
      loading.catch(() => {
        if (this.#loading === loading) this.#loading = undefined;
      });
    }
    return this.#loading;
  }

  async #load(source: Source<Model>): Promise<Model> {
    const model = typeof source === "function" ? await source(this.#onProgress) : source;
    if (this.#isModel(model)) return model;
    throw invalidArgument(`${this.#option} gave ${describeValue(model)}; give ${this.#kind}`);
  }
}

// A backend that is loaded when it is first needed.

import type { Encoding, Info } from "../../types/index.js";
import type { Backend } from "../core/backend.js";
import { disposedError } from "../core/errors.js";

/** The first call loads the backend. After a failed load, the next call tries again. */
export class Lazy implements Backend {
  readonly #load: () => Promise<Backend>;
  #backend: Promise<Backend> | undefined;
  #disposed = false;

  constructor(load: () => Promise<Backend>) {
    this.#load = load;
  }

  async run(...given: Parameters<Backend["run"]>): Promise<void> {
    return (await this.#loaded()).run(...given);
  }

  async encode(...given: Parameters<Backend["encode"]>): Promise<Encoding> {
    return (await this.#loaded()).encode(...given);
  }

  async info(): Promise<Info> {
    return (await this.#loaded()).info();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const loading = this.#backend;
    this.#backend = undefined;
    await loading?.then(
      (backend) => backend.dispose(),
      () => {},
    );
  }

  #loaded(): Promise<Backend> {
    if (this.#disposed) return Promise.reject(disposedError());
    return (this.#backend ??= this.#load().catch((error) => {
      this.#backend = undefined;
      throw error;
    }));
  }
}

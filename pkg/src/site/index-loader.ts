// Loads the index of a site into a WebAssembly instance.

import type { SiteSearchOptions } from "../../types/site.js";
import { CrossrankError } from "../core/errors.js";
import { errorOfCore, errorOfInstantiation } from "../core/panic.js";
import { isBytes, isCompiledModule, toUint8Array } from "../core/realm.js";
import { type Bindings, bind, type SiteIndex } from "./bindings.js";
import { IndexFiles } from "./files.js";
import type { OpenMode, SitePlatform } from "./platform.js";

const MANIFEST = "manifest.bin";

type WasmFile = "wasmFile" | "languagesWasmFile";

/** An index and the files that it has. */
export interface LoadedIndex {
  index: SiteIndex;
  files: IndexFiles;
  manifest: Uint8Array;
  /** Calls the index. Errors of the core become those of the package. */
  use<R>(act: () => R): R;
}

export class IndexLoader {
  readonly #platform: SitePlatform;
  readonly #base: URL;
  readonly #wasm: SiteSearchOptions["wasm"];
  readonly #instances = new Map<WasmFile, Promise<Bindings>>();

  constructor(platform: SitePlatform, base: URL, wasm: SiteSearchOptions["wasm"]) {
    this.#platform = platform;
    this.#base = base;
    this.#wasm = wasm;
  }

  async load(mode: OpenMode = "check"): Promise<LoadedIndex> {
    const reading = this.#manifest(mode);
    const loading = this.#load("wasmFile", reading);
    // The file for English does not read other languages.
    return loading.catch((error: CrossrankError) => {
      if (error.code !== "needs-general" || this.#wasm !== undefined) throw error;
      return this.#load("languagesWasmFile", reading);
    });
  }

  async #load(file: WasmFile, reading: Promise<Uint8Array>): Promise<LoadedIndex> {
    const [bindings, manifest] = await Promise.all([this.#bindings(file), reading]);
    const use = <R>(act: () => R) => callCore(bindings, act);
    const index = use(() => new bindings.SiteIndex(manifest));
    const open = (name: string, mode: OpenMode) => this.#platform.open(new URL(name, this.#base), mode);
    return { index, manifest, files: new IndexFiles(index, open), use };
  }

  #bindings(file: WasmFile): Promise<Bindings> {
    const known = this.#instances.get(file);
    if (known) return known;
    const instance = this.#instantiate(file);
    this.#instances.set(file, instance);
    instance.catch(() => this.#instances.delete(file));
    return instance;
  }

  /** The index that the host has at present, if it is not the given one. */
  async renew({ manifest }: LoadedIndex): Promise<LoadedIndex | undefined> {
    const next = await this.load("reload");
    if (String(next.manifest) !== String(manifest)) return next;
    next.index.free();
    return undefined;
  }

  /** Without a network, an older copy of the manifest will do. */
  async #manifest(mode: OpenMode): Promise<Uint8Array> {
    const url = new URL(MANIFEST, this.#base);
    const open = this.#platform.open;
    const content = await open(url, mode).catch((error) =>
      open(url, "copy").catch(() => Promise.reject(error)),
    );
    if (content) return content;
    const advice = "run `crossrank site` on the built site, and name the folder that it wrote in `base`";
    throw new CrossrankError("fetch-failed", `there is no ${url.href}; ${advice}`);
  }

  async #instantiate(file: WasmFile): Promise<Bindings> {
    const bindings = bind();
    const module = await this.#module(file);
    try {
      await bindings({ module_or_path: module });
    } catch (cause) {
      throw errorOfInstantiation(cause);
    }
    return bindings;
  }

  async #module(file: WasmFile): Promise<WebAssembly.Module> {
    const given = this.#wasm;
    if (isCompiledModule(given)) return given;
    if (isBytes(given)) return WebAssembly.compile(toUint8Array(given));
    const url =
      given === undefined
        ? this.#platform[file](this.#base)
        : this.#platform.resolveUrl(typeof given === "string" ? given : (given as URL).href);
    const content = await this.#platform.open(url, "check");
    if (content) return WebAssembly.compile(content as Uint8Array<ArrayBuffer>);
    throw new CrossrankError(
      "fetch-failed",
      `there is no ${url.href}; serve that file, or name it in \`wasm\``,
    );
  }
}

function callCore<R>(bindings: Bindings, act: () => R): R {
  try {
    return act();
  } catch (error) {
    throw errorOfCore(error, bindings, "the next search");
  }
}

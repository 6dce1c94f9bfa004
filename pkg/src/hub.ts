// Models by their names, from the Hugging Face Hub or a mirror of it.

import type { HubOptions, LoadOptions } from "../types/index.js";
import { bytesOf } from "./content.js";
import { CrossrankError } from "./errors.js";
import { Refused } from "./fetch.js";
import { check, invalid, isObject, show } from "./input.js";
import { find, type FolderFile, type KnownFile, type Sources } from "./read.js";
import { KNOWN, type KnownModel } from "./registry.js";

/** Where a folder may hold a file. */
export interface Place {
  paths: string[];
  optional?: boolean;
}

/** What a platform knows of the hub. */
export interface HubPlatform {
  /** What the environment says in place of options. */
  settings(): { baseUrl?: string | undefined; token?: string | undefined; offline?: boolean };
  /** What the hub's cache holds of a revision, if it does. */
  snapshot(
    repository: string,
    revision: string,
  ): Promise<{ folder: URL; paths: string[] } | undefined>;
}

type Task = KnownModel["task"];

const HUB = "https://huggingface.co";

const CLASSES: Record<Task, string> = { rerank: "Reranker", embed: "Embedder" };

/** The options of `load`, where a name may go before them. */
export function withName<O extends Pick<LoadOptions, "model">>(
  task: Task,
  given: string | O,
  named: (O & HubOptions) | undefined,
): O {
  if (typeof given !== "string") return given;
  check("", named, "an object", isObject(named));
  const { baseUrl, revision, token, ...options } = named ?? ({} as O & HubOptions);
  if (options.model !== undefined) {
    throw invalid(`options.model goes with no name, as ${show(given)} is; leave one of them out`);
  }
  const known = knownAs(given);
  if (known && known.task !== task) {
    throw invalid(`${given} is for another class; load it with ${CLASSES[known.task]}`);
  }
  if (known?.bundled) {
    if (baseUrl === undefined && revision === undefined && token === undefined) {
      return options as unknown as O;
    }
    throw invalid(`${given} is a package of its own; leave baseUrl, revision and token out`);
  }
  const model = new HubModel(given, known, { baseUrl, revision, token });
  return { ...options, model } as unknown as O;
}

function knownAs(name: string): KnownModel | undefined {
  const isName = (known: string) => known === name || known.split("/").pop() === name;
  return KNOWN.find(({ names }) => names.some(isName));
}

/** A model in a repository of the hub. */
export class HubModel {
  readonly #name: string;
  readonly #repository: string;
  readonly #graphs: string[];
  readonly #options: HubOptions;

  constructor(name: string, known: KnownModel | undefined, options: HubOptions) {
    const { baseUrl, revision, token } = options;
    this.#name = name;
    this.#repository = known?.repository ?? name;
    this.#graphs = known?.graphs ?? [];
    this.#options = options;
    // What the hub takes for names: huggingface_hub.utils.validate_repo_id.
    if (!/^\w[\w.-]*\/\w[\w.-]*$/.test(this.#repository) || /--|\.\./.test(this.#repository)) {
      throw invalid(
        `load() was given ${show(name)}, which is no model's name such as BAAI/bge-reranker-base; ` +
          "name a folder or a URL as in load({ model })",
      );
    }
    checked({ baseUrl, token });
    const inside = typeof revision === "string" && /^[\w.+-]+(\/[\w.+-]+)*$/.test(revision);
    check("revision", revision, "a branch, a tag or a commit", inside && !revision.includes(".."));
  }

  /**
   * The files at the places, and those that hold a graph's weights: of the hub's cache where the
   * platform has one, or those listed.
   */
  async files(
    places: Record<string, Place>,
    sources: Sources,
  ): Promise<Record<string, KnownFile | FolderFile>> {
    const { hub } = sources.platform;
    const settings = checked(hub?.settings() ?? {});
    const revision = this.#options.revision ?? "main";
    const snapshot = await hub?.snapshot(this.#repository, revision);
    const cached = snapshot && this.#choose(places, snapshot.paths);
    // A cache may hold some files of a model: to know that a file does not exist takes the hub.
    if (cached && (settings.offline || isWhole(cached, places))) {
      return mapped(cached, (key, path) => {
        const url = new URL(path, snapshot.folder);
        return { slot: `${snapshot.folder.href} ${key}`, urls: [url], optional: false };
      });
    }
    if (settings.offline) {
      const message = `${this.#name} is not in the hub's cache, and HF_HUB_OFFLINE keeps it from being fetched`;
      throw new CrossrankError("model-not-installed", `${message}; run \`crossrank pull ${this.#name}\``);
    }

    // A token of the environment is the hub's, and no mirror's that the caller names.
    const { baseUrl = settings.baseUrl ?? HUB, token = this.#options.baseUrl ? undefined : settings.token } =
      this.#options;
    const base = new URL(baseUrl);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    const { commit, files } = await this.#list(base, revision, token, sources);
    const chosen = this.#choose(places, [...files.keys()]);
    for (const [key, { paths, optional }] of Object.entries(places)) {
      if (chosen[key] === undefined && !optional) {
        throw this.#lacks(key === "onnx" ? undefined : paths[0]!, files);
      }
    }
    return mapped(chosen, (key, path) => {
      const slot = `${this.#repository} ${key}`;
      const url = new URL(`${this.#repository}/resolve/${commit}/${path}`, base);
      return { slot, url, ...files.get(path)!, token };
    });
  }

  /** The paths of a repository that are wanted, by the names of the model's files. */
  #choose(places: Record<string, Place>, paths: string[]): Record<string, string> {
    const chosen: Record<string, string> = {};
    for (const [key, place] of Object.entries(places)) {
      const wanted = [...(key === "onnx" ? this.#graphs : []), ...place.paths];
      const path = wanted.find((path) => paths.includes(path));
      if (path !== undefined) chosen[key] = path;
    }
    const graph = chosen["onnx"];
    // The graph names these as they lie beside it.
    for (const path of graph === undefined ? [] : paths.filter((path) => isDataOf(graph, path))) {
      chosen[path.split("/").pop()!] = path;
    }
    return chosen;
  }

  async #list(base: URL, revision: string, token: string | undefined, sources: Sources) {
    const path = `api/models/${this.#repository}/revision/${encodeURIComponent(revision)}`;
    const url = new URL(`${path}?blobs=true`, base);
    const slot = `${base.href} ${this.#repository} ${revision}`;
    const found = await find({ slot, urls: [url], optional: true, token }, sources);
    if (!found) throw this.#refused(`${base.origin} answered with status 404`, 404, token);
    const text = new TextDecoder().decode(await bytesOf(await found.read(() => {})));
    try {
      return listed(JSON.parse(text) as Listing);
    } catch (cause) {
      await sources.storage.remove(slot);
      const message = `${url.href} is no listing of a model's files; check that baseUrl is a hub's`;
      throw new CrossrankError("fetch-failed", message, { cause });
    }
  }

  /** What the hub means by a refusal. */
  explained(error: unknown): unknown {
    if (!(error instanceof Refused)) return error;
    const { message, status, reason, authorized } = error;
    return this.#refused(message, status, authorized ? "a token" : undefined, reason);
  }

  #refused(message: string, status: number, token: unknown, reason?: string | null): CrossrankError {
    let advice = "check the name and baseUrl";
    if (reason === "GatedRepo") {
      advice = "its owner asks for consent: give it on the model's page, and give a token of that account";
    } else if (status === 404 || reason === "RepoNotFound" || (status === 401 && !token)) {
      advice = token
        ? "there is no such model or revision, or the token does not open it; check the name"
        : "there is no such model or revision, or it is private; check the name, or give a token";
    } else if (status === 401 || status === 403) {
      advice = "the token is not valid, or does not allow it";
    }
    const cut = message.replace(/; check the address$/, "");
    return new CrossrankError("fetch-failed", `${this.#name} could not be loaded: ${cut}; ${advice}`);
  }

  #lacks(path: string | undefined, files: Files): CrossrankError {
    const repository = this.#repository;
    let message = `${repository} holds no ${path}; export the model with its fast tokenizer`;
    if (path === undefined) {
      const graphs = [...files.keys()].filter((path) => path.endsWith(".onnx"));
      message =
        graphs.length > 0
          ? `${repository} holds no graph in a usual place (but ${graphs.join(", ")})`
          : `${repository} holds no ONNX graph; export it by \`optimum-cli export onnx\` and name that folder`;
    }
    return new CrossrankError("unsupported-model", message);
  }
}

interface Listing {
  sha: string;
  siblings: { rfilename: string; size?: number; blobId?: string; lfs?: { sha256: string } }[];
}

type Files = Map<string, Pick<KnownFile, "bytes" | "hash">>;

/** The files that have a length and a hash: of large ones the SHA-256, of others git's SHA-1. */
function listed({ sha, siblings }: Listing): { commit: string; files: Files } {
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error("its commit is no hash");
  const files: Files = new Map();
  for (const { rfilename, size, blobId, lfs } of siblings) {
    const hash = lfs?.sha256 ?? blobId;
    if (size !== undefined && hash !== undefined) files.set(rfilename, { bytes: size, hash });
  }
  if (files.size === 0) throw new Error("it has no files with hashes");
  return { commit: sha, files };
}

/** Whether a path is of a graph's weights: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
function isDataOf(graph: string, path: string): boolean {
  return path.startsWith(`${graph}_data`) || path === `${graph}.data`;
}

/** Whether what was chosen needs nothing else: an embedder also says how its vectors are made. */
function isWhole(chosen: Record<string, string>, places: Record<string, Place>): boolean {
  const required = Object.entries(places).filter(([, { optional }]) => !optional);
  const says = !("pooling" in places) || "pooling" in chosen || "poolingConfig" in chosen;
  return says && required.every(([key]) => key in chosen);
}

function mapped<T>(
  chosen: Record<string, string>,
  each: (key: string, path: string) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(chosen).map(([key, path]) => [key, each(key, path)]));
}

/** An address and a token, of the options or of the environment. */
function checked<T extends Pick<HubOptions, "baseUrl" | "token">>(given: T): T {
  const { baseUrl, token } = given;
  check("baseUrl", baseUrl, "an http: or https: URL", isWeb(baseUrl));
  const visible = typeof token === "string" && /^[!-~]+$/.test(token);
  check("token", token && "[a token]", "a text of visible ASCII characters", visible);
  return given;
}

function isWeb(url: unknown): boolean {
  try {
    return /^https?:$/.test(new URL(url as string).protocol);
  } catch {
    return false;
  }
}

// Models by their names, from the Hugging Face Hub or a mirror of it.

import type { HubOptions } from "../../types/index.js";
import { toBytes } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import { checkOption, describeValue, invalidArgument } from "../core/validate.js";
import { RefusedError } from "../io/fetch.js";
import { type FolderFile, type HashedFile, openFile, type ReadContext } from "../io/read.js";
import {
  type FileCandidates,
  isGraph,
  isOfModule,
  isWeights,
  MODULE_FILES,
  WEIGHTS,
  WEIGHTS_INDEX,
} from "./layout.js";
import { REGISTRY, type RegisteredModel } from "./registry.js";

const HUB_URL = "https://huggingface.co";

const CLASS_NAMES: Record<RegisteredModel["task"], string> = {
  rerank: "Reranker",
  embed: "Embedder",
};

/** The model of a name; undefined for the bundled one, which is the default. */
export function findModel(
  task: RegisteredModel["task"],
  name: string,
  { baseUrl, revision, token }: HubOptions,
): HubModel | undefined {
  const matches = (known: string) => known === name || known.split("/").pop() === name;
  const registered = REGISTRY.find(({ names }) => names.some(matches));
  if (registered && registered.task !== task) {
    const className = CLASS_NAMES[registered.task];
    throw invalidArgument(`${name} is for another class; load it with ${className}`);
  }
  if (!registered?.bundled) return new HubModel(name, registered, { baseUrl, revision, token });
  if (baseUrl === undefined && revision === undefined && token === undefined) return undefined;
  throw invalidArgument(`${name} is a package of its own; leave out baseUrl, revision and token`);
}

/** A model in a repository of the hub. */
export class HubModel {
  readonly #name: string;
  readonly #repository: string;
  readonly #graphs: string[];
  readonly #options: HubOptions;

  constructor(name: string, registered: RegisteredModel | undefined, options: HubOptions) {
    const { revision } = options;
    this.#name = name;
    this.#repository = registered?.repository ?? name;
    this.#graphs = registered?.graphs ?? [];
    this.#options = options;
    // The names that the hub accepts: huggingface_hub.utils.validate_repo_id.
    if (!/^\w[\w.-]*\/\w[\w.-]*$/.test(this.#repository) || /--|\.\./.test(this.#repository)) {
      throw invalidArgument(
        `load() was given ${describeValue(name)}, which is not the name of a model such as ` +
          "BAAI/bge-reranker-base; name a folder or a URL as in load({ model })",
      );
    }
    checkHubOptions(options);
    const isPath = typeof revision === "string" && /^[\w.+-]+(\/[\w.+-]+)*$/.test(revision);
    const isRevision = isPath && !revision.includes("..");
    checkOption("revision", revision, "a branch, a tag or a commit", isRevision);
  }

  /**
   * The model's files, and those that hold a graph's external weights. They come from the hub's
   * cache if the platform has one that holds them, or else from the hub.
   */
  async files(
    candidates: Record<string, FileCandidates>,
    context: ReadContext,
  ): Promise<Record<string, HashedFile | FolderFile>> {
    const { hub } = context.platform;
    const settings = checkHubOptions(hub?.settings() ?? {});
    const revision = this.#options.revision ?? "main";
    const snapshot = await hub?.snapshot(this.#repository, revision);
    const cached = snapshot && this.#choose(candidates, snapshot.paths);
    // A cache may hold only some files of a model. Only the hub knows that a file does not exist.
    if (cached && (settings.offline || isComplete(cached, candidates))) {
      return mapValues(cached, (key, path) => {
        const url = new URL(path, snapshot.folder);
        return { slot: `${snapshot.folder.href} ${key}`, urls: [url], optional: false };
      });
    }
    if (settings.offline) {
      throw new CrossrankError(
        "model-not-installed",
        `${this.#name} is not in the hub's cache, and HF_HUB_OFFLINE forbids fetching it; ` +
          `run \`crossrank pull ${this.#name}\``,
      );
    }

    // A token of the environment belongs to the hub, and not to a mirror that the caller names.
    const defaultToken = this.#options.baseUrl ? undefined : settings.token;
    const { baseUrl = settings.baseUrl ?? HUB_URL, token = defaultToken } = this.#options;
    const base = new URL(baseUrl);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    const { commit, files } = await this.#list(base, revision, token, context);
    const chosen = this.#choose(candidates, [...files.keys()]);
    for (const [key, { paths, optional }] of Object.entries(candidates)) {
      if (chosen[key] === undefined && !optional) {
        const wanted = candidates.onnx?.named ? paths[0] : undefined;
        throw key === "onnx" ? this.#missingGraphError(files, wanted) : this.#missingError(paths[0]!);
      }
    }
    return mapValues(chosen, (key, path) => {
      const slot = `${this.#repository} ${key}`;
      const url = new URL(`${this.#repository}/resolve/${commit}/${path}`, base);
      return { slot, url, ...files.get(path)!, token };
    });
  }

  /** The repository's paths for the model's files. */
  #choose(candidates: Record<string, FileCandidates>, paths: string[]): Record<string, string> {
    const chosen: Record<string, string> = {};
    for (const [key, candidate] of Object.entries(candidates)) {
      const preferred = key === "onnx" ? this.#graphsOf(candidate, paths) : candidate.paths;
      const path = preferred.find((path) => paths.includes(path));
      if (path !== undefined) chosen[key] = path;
    }
    const graph = chosen.onnx;
    if (graph === undefined) return chosen;
    // The graph refers to these by their names in its own folder.
    for (const path of paths.filter((path) => isDataOf(graph, path))) {
      chosen[path.split("/").pop()!] = path;
    }
    if (isWeights(graph)) {
      for (const [key, path] of MODULE_FILES) if (paths.includes(path)) chosen[key] = path;
      for (const path of paths.filter(isOfModule)) chosen[path] = path;
    }
    return chosen;
  }

  /** The paths that the graph may have, in order of preference. */
  #graphsOf({ paths: usual, named }: FileCandidates, paths: string[]): string[] {
    if (named) return usual;
    const graphs = [...this.#graphs, ...usual];
    // Graphs of a model whose head consists of modules were exported without it.
    const hasHead = paths.some((path) => path.endsWith("_Dense/config.json"));
    return hasHead ? [...graphs.filter(isWeights), ...graphs] : graphs;
  }

  async #list(
    base: URL,
    revision: string,
    token: string | undefined,
    context: ReadContext,
  ): Promise<RepositoryFiles> {
    const path = `api/models/${this.#repository}/revision/${encodeURIComponent(revision)}`;
    const url = new URL(`${path}?blobs=true`, base);
    const slot = `${base.href} ${this.#repository} ${revision}`;
    const file = await openFile({ slot, urls: [url], optional: false, token }, context);
    const text = new TextDecoder().decode(await toBytes(await file!.read(() => {})));
    await file!.verify?.();
    try {
      return parseListing(JSON.parse(text) as Listing);
    } catch (cause) {
      await context.storage.remove(slot);
      const message = `${url.href} is not a list of a model's files; check that baseUrl is a hub's`;
      throw new CrossrankError("fetch-failed", message, { cause });
    }
  }

  /** Adds what the hub means by a refusal. */
  explain(error: unknown): unknown {
    if (!(error instanceof RefusedError) || error.status === 200) return error;
    const { url, status, reason, hadToken } = error;
    let advice = "check the name and baseUrl";
    if (reason === "GatedRepo") {
      advice = "its owner requires you to accept terms: do so on the model's page, and pass a token";
    } else if (status === 404 || reason === "RepoNotFound" || (status === 401 && !hadToken)) {
      advice = hadToken
        ? "there is no such model or revision, or the token does not open it; check the name"
        : "there is no such model or revision, or it is private; check the name, or give a token";
    } else if (status === 401 || status === 403) {
      advice = "the token is not valid, or does not allow it";
    }
    const text = `${this.#name} could not be loaded: ${url.href} answered with status ${status}; ${advice}`;
    return new CrossrankError("fetch-failed", text);
  }

  #missingGraphError(files: HashedFiles, wanted = "graph in a usual place"): CrossrankError {
    const graphs = [...files.keys()].filter((path) => !path.includes("safetensors") && isGraph(path));
    const message =
      graphs.length > 0
        ? `holds no ${wanted} (but ${graphs.join(", ")}); name one as the option graph`
        : `holds neither an ONNX graph nor ${WEIGHTS}; export it by \`optimum-cli export onnx\` and name that folder`;
    return new CrossrankError("unsupported-model", `${this.#repository} ${message}`);
  }

  #missingError(path: string): CrossrankError {
    const message = `holds no ${path}; export the model with its fast tokenizer`;
    return new CrossrankError("unsupported-model", `${this.#repository} ${message}`);
  }
}

/** The hub's answer. */
interface Listing {
  sha: string;
  siblings: { rfilename: string; size?: number; blobId?: string; lfs?: { sha256: string } }[];
}

type HashedFiles = Map<string, Pick<HashedFile, "bytes" | "hash">>;

interface RepositoryFiles {
  commit: string;
  files: HashedFiles;
}

/** The files that have a length and a hash: the SHA-256 of large files, git's SHA-1 of others. */
function parseListing({ sha, siblings }: Listing): RepositoryFiles {
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error("its commit is not a hash");
  const files: HashedFiles = new Map();
  for (const { rfilename, size, blobId, lfs } of siblings) {
    const hash = lfs?.sha256 ?? blobId;
    if (size !== undefined && hash !== undefined) files.set(rfilename, { bytes: size, hash });
  }
  if (files.size === 0) throw new Error("it has no files with hashes");
  return { commit: sha, files };
}

/**
 * Whether a file holds a graph's weights, such as `model.onnx_data`, `model.onnx_data_1` or `model.onnx.data`, or is
 * one of those that an index lists, such as `model-00001-of-00002.safetensors`.
 */
function isDataOf(graph: string, path: string): boolean {
  if (graph === WEIGHTS_INDEX) return /^model-[^/]*\.safetensors$/.test(path);
  return path.startsWith(`${graph}_data`) || path === `${graph}.data`;
}

/** Whether the chosen files are sufficient. An embedder's also have to say how vectors are made. */
function isComplete(chosen: Record<string, string>, candidates: Record<string, FileCandidates>): boolean {
  const required = Object.entries(candidates).filter(([, { optional }]) => !optional);
  const isEmbedder = "pooling" in candidates;
  const hasPooling = "pooling" in chosen || "poolingConfig" in chosen;
  return (!isEmbedder || hasPooling) && required.every(([key]) => key in chosen);
}

function mapValues<V>(
  paths: Record<string, string>,
  map: (key: string, path: string) => V,
): Record<string, V> {
  return Object.fromEntries(Object.entries(paths).map(([key, path]) => [key, map(key, path)]));
}

/** Checks an address and a token, from the options or from the environment. */
function checkHubOptions<O extends Pick<HubOptions, "baseUrl" | "token">>(given: O): O {
  const { baseUrl, token } = given;
  checkOption("baseUrl", baseUrl, "an http: or https: URL", isHttpUrl(baseUrl));
  const isVisible = typeof token === "string" && /^[!-~]+$/.test(token);
  checkOption("token", token && "[a token]", "a string of visible ASCII characters", isVisible);
  return given;
}

function isHttpUrl(url: unknown): boolean {
  try {
    return /^https?:$/.test(new URL(url as string).protocol);
  } catch {
    return false;
  }
}

// One file: found, read and checked. Its bytes come from the storage, or from where it lies.

import { bytesOf, DamagedCopy, sizeOf, type Content } from "./content.js";
import { bySameVersion, download, Received, type Origin, type Report } from "./download.js";
import { CrossrankError } from "./errors.js";
import { NetworkError } from "./fetch.js";
import type { Opened, Platform } from "./platform.js";
import type { Storage } from "./storage.js";

/** A file of which the content is known. */
export interface KnownFile {
  /** Its name in the storage. */
  slot: string;
  url: URL;
  bytes: number;
  /** In hexadecimal: the SHA-256, or the SHA-1 that git gives a file. */
  hash: string;
  token?: string | undefined;
}

/** A file of a folder: the first of the URLs that exists. Nobody says what it holds. */
export interface FolderFile {
  slot: string;
  urls: URL[];
  optional: boolean;
  token?: string | undefined;
}

export interface Sources {
  platform: Platform;
  storage: Storage;
  signal: AbortSignal;
}

/** A file whose reading has begun. */
export interface Found {
  url: URL;
  size: number | undefined;
  read(report: Report): Promise<Content>;
  /** Compares what was read with what it should be: rejects with {@link DamagedCopy}. */
  verify?(): Promise<void>;
}

/** Begins to read a file; undefined where there is none and there need not be one. */
export function find(file: KnownFile | FolderFile, sources: Sources): Promise<Found | undefined> {
  return "hash" in file ? findKnown(file, sources) : findInFolder(file, sources);
}

/**
 * A copy in the storage goes before the network: by its hash, it is the same. The hash takes as long
 * as a good part of loading the model, and is compared meanwhile.
 */
async function findKnown(file: KnownFile, { platform, storage, signal }: Sources): Promise<Found> {
  const { slot, url, bytes, hash, token } = file;
  const copy = await storage.open(slot, hash);
  if (copy?.size === bytes) {
    const verify = async () => {
      const flaw = await flawOf(file, await bytesOf(copy));
      if (flaw === undefined) return;
      await storage.remove(slot);
      throw new DamagedCopy(flaw);
    };
    return { ...stored(url, copy), verify };
  }
  if (copy) await storage.remove(slot);

  const unfinished = `${slot}, unfinished`;
  const received = new Received();
  received.push((await storage.read(unfinished, hash)) ?? new Uint8Array());
  const origin: Origin = {
    url,
    async open(resume) {
      const opened = (await platform.open(url, signal, resume, token)) ?? missing([url]);
      return { ...opened, size: opened.size ?? bytes };
    },
    // Parts may be of different versions: the hash tells whether they fit.
    resume: (start) => ({ start }),
    signal,
  };

  async function read(opened: Opened, report: Report): Promise<Uint8Array> {
    try {
      await download(origin, opened, received, report);
    } catch (error) {
      if (received.length > 0) await storage.write(unfinished, hash, received.join());
      throw error;
    }
    await storage.remove(unfinished);
    const content = received.join();
    const flaw = await flawOf(file, content);
    if (flaw === undefined) {
      await storage.write(slot, hash, content);
      return content;
    }
    // What was left of an earlier download may be to blame.
    if (opened.start > 0) return read(await origin.open(), report);
    throw new CrossrankError(
      "integrity",
      `${url.href} ${flaw}; it is not the file that the model package, or the hub, ` +
        "describes: check that the server sends it whole, or install the package again",
    );
  }

  const opened = await origin.open({ start: received.length });
  return { url, size: bytes, read: (report) => read(opened, report) };
}

/** The network goes before a copy in the storage, which serves where the network fails. */
async function findInFolder(file: FolderFile, sources: Sources): Promise<Found | undefined> {
  const { slot, urls, optional, token } = file;
  const { platform, storage, signal } = sources;
  /** The copy, whatever its version. An empty one says that there was no such file. */
  async function copyAfter(error: unknown): Promise<Blob> {
    const copy = error instanceof NetworkError ? await storage.open(slot) : undefined;
    if (!copy) throw error;
    return copy;
  }

  let first;
  try {
    first = await openFirst(urls, platform, signal, token);
  } catch (error) {
    const copy = await copyAfter(error);
    return copy.size > 0 ? stored(urls[0]!, copy) : undefined;
  }
  if (!first) {
    if (!optional) missing(urls);
    await storage.write(slot, "", new Uint8Array());
    return undefined;
  }

  const { url, opened } = first;
  const versionHere = (version: string | undefined) => version && `${url.pathname} ${version}`;
  const version = versionHere(opened.version);
  const copy = version && (await storage.open(slot, version));
  if (copy) {
    opened.close();
    return stored(url, copy);
  }
  const origin: Origin = {
    url,
    open: async (resume) => (await platform.open(url, signal, resume, token)) ?? missing([url]),
    resume: bySameVersion,
    signal,
  };
  async function read(report: Report): Promise<Content> {
    const received = new Received();
    try {
      const version = await download(origin, opened, received, report);
      const content = received.join();
      await storage.write(slot, versionHere(version) ?? "", content);
      return content;
    } catch (error) {
      const copy = await copyAfter(error);
      report(opened.size ?? copy.size);
      return copy;
    }
  }
  return { url, size: opened.size, read };
}

async function openFirst(urls: URL[], platform: Platform, signal: AbortSignal, token?: string) {
  for (const url of urls) {
    const opened = await platform.open(url, signal, undefined, token);
    if (opened) return { url, opened };
  }
  return undefined;
}

function stored(url: URL, copy: Content): Found {
  const size = sizeOf(copy);
  return {
    url,
    size,
    async read(report) {
      report(size);
      return copy;
    },
  };
}

export function missing(urls: URL[]): never {
  const url = urls[0]!;
  throw new CrossrankError(
    url.protocol === "file:" ? "io" : "fetch-failed",
    urls.length === 1
      ? `there is no ${url.href}; check where it lies`
      : `there is no ${url.href}, nor a graph in the other places of the Hugging Face layout`,
  );
}

/**
 * Compares the length and, where the platform can hash, the hash; undefined where they are right.
 *
 * `crypto.subtle` is missing on insecure origins (`http:` other than localhost). There the length
 * alone is checked: whoever can change the model on the way can change this code too, so a hash
 * of our own would protect nobody.
 */
async function flawOf(file: KnownFile, content: Uint8Array): Promise<string | undefined> {
  if (content.length !== file.bytes) return `has ${content.length} bytes instead of ${file.bytes}`;
  if (!canHash()) return undefined;
  const git = file.hash.length === 40;
  const hash = git ? await gitSha1(content) : await sha256(content);
  const name = git ? "SHA-1" : "SHA-256";
  return hash === file.hash ? undefined : `has the ${name} ${hash} instead of ${file.hash}`;
}

/** Whether this platform hashes; WebAssembly would take far longer. */
export function canHash(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** In hexadecimal. */
export function sha256(content: Uint8Array): Promise<string> {
  return digestOf("SHA-256", content);
}

/** What git calls a file by: the SHA-1 of `blob`, its length and its content. */
function gitSha1(content: Uint8Array): Promise<string> {
  const head = new TextEncoder().encode(`blob ${content.length}\0`);
  const blob = new Uint8Array(head.length + content.length);
  blob.set(head);
  blob.set(content, head.length);
  return digestOf("SHA-1", blob);
}

async function digestOf(name: string, content: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest(name, content as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

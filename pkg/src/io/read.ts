// Opens, reads and checks one file, from the storage or from its URL.

import { type Content, DamagedCopy, sizeOf, toBytes } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import type { FileStorage, FileStream, Platform } from "../core/platform.js";
import {
  type DownloadSource,
  download,
  ReceivedBytes,
  type ReportBytes,
  resumeSameVersion,
} from "./download.js";
import { NetworkError } from "./fetch.js";
import { canHash, gitSha1, sha256 } from "./hash.js";

/** A file whose content is known by its hash. */
export interface HashedFile {
  /** The file's name in the storage. */
  slot: string;
  url: URL;
  bytes: number;
  /** In hexadecimal: the SHA-256, or the SHA-1 that git gives the file. */
  hash: string;
  token?: string | undefined;
}

/** A file of a folder: the first of the URLs that exists. Its content is not known beforehand. */
export interface FolderFile {
  slot: string;
  urls: URL[];
  optional: boolean;
  token?: string | undefined;
}

/** What files are read with. */
export interface ReadContext {
  platform: Platform;
  storage: FileStorage;
  signal: AbortSignal;
}

/** A file that exists and can be read. */
export interface OpenFile {
  url: URL;
  size: number | undefined;
  read(report: ReportBytes): Promise<Content>;
  /** Rejects with {@link DamagedCopy} if the content that was read is not the right one. */
  verify?(): Promise<void>;
}

/** Opens a file; undefined if it is optional and does not exist. */
export function openFile(file: HashedFile | FolderFile, context: ReadContext): Promise<OpenFile | undefined> {
  return "hash" in file ? openHashedFile(file, context) : openFolderFile(file, context);
}

/**
 * A copy in the storage is preferred to the network, since its hash is the same. Hashing takes a good
 * part of the time that loading the model takes, and so is done meanwhile.
 */
async function openHashedFile(
  file: HashedFile,
  { platform, storage, signal }: ReadContext,
): Promise<OpenFile> {
  const { slot, url, bytes, hash, token } = file;
  const copy = await storage.open(slot, hash);
  if (copy?.size === bytes) {
    const verify = async () => {
      const mismatch = await findMismatch(file, await toBytes(copy));
      if (mismatch === undefined) return;
      await storage.remove(slot);
      throw new DamagedCopy(mismatch);
    };
    return { ...openCopy(url, copy), verify };
  }
  if (copy) await storage.remove(slot);

  const unfinishedSlot = `${slot}, unfinished`;
  const received = new ReceivedBytes();
  received.push((await storage.read(unfinishedSlot, hash)) ?? new Uint8Array());
  const source: DownloadSource = {
    url,
    async open(resume) {
      const stream = await platform.openFile(url, signal, resume, token);
      if (!stream) throw missingFileError([url]);
      return { ...stream, size: stream.size ?? bytes };
    },
    // The parts may be of different versions. The hash tells whether they fit.
    resume: (start) => ({ start }),
    signal,
  };

  async function read(stream: FileStream, report: ReportBytes): Promise<Uint8Array> {
    try {
      await download(source, stream, received, report);
    } catch (error) {
      if (received.length > 0) await storage.write(unfinishedSlot, hash, received.join());
      throw error;
    }
    await storage.remove(unfinishedSlot);
    const content = received.join();
    const mismatch = await findMismatch(file, content);
    if (mismatch === undefined) {
      await storage.write(slot, hash, content);
      return content;
    }
    // The rest of an earlier download may be to blame.
    if (stream.start > 0) return read(await source.open(), report);
    throw new CrossrankError(
      "integrity",
      `${url.href} ${mismatch}; it is not the file that the model package or the hub ` +
        "describes: check that the server sends it whole, or install the package again",
    );
  }

  const stream = await source.open({ start: received.length });
  return { url, size: bytes, read: (report) => read(stream, report) };
}

/** The network is preferred to a copy in the storage, which is used if the network fails. */
async function openFolderFile(file: FolderFile, context: ReadContext): Promise<OpenFile | undefined> {
  const { slot, urls, optional, token } = file;
  const { platform, storage, signal } = context;
  /** The copy, whatever its version. An empty copy records that there was no such file. */
  async function copyAfter(error: unknown): Promise<Blob> {
    const copy = error instanceof NetworkError ? await storage.open(slot) : undefined;
    if (!copy) throw error;
    return copy;
  }

  let first: { url: URL; stream: FileStream } | undefined;
  try {
    first = await openFirst(urls, context, token);
  } catch (error) {
    const copy = await copyAfter(error);
    return copy.size > 0 ? openCopy(urls[0]!, copy) : undefined;
  }
  if (!first) {
    if (!optional) throw missingFileError(urls);
    await storage.write(slot, "", new Uint8Array());
    return undefined;
  }

  const { url, stream } = first;
  const storedVersion = (version: string | undefined) => version && `${url.pathname} ${version}`;
  const version = storedVersion(stream.version);
  const copy = version && (await storage.open(slot, version));
  if (copy) {
    stream.close();
    return openCopy(url, copy);
  }
  const source: DownloadSource = {
    url,
    async open(resume) {
      const stream = await platform.openFile(url, signal, resume, token);
      if (!stream) throw missingFileError([url]);
      return stream;
    },
    resume: resumeSameVersion,
    signal,
  };
  async function read(report: ReportBytes): Promise<Content> {
    const received = new ReceivedBytes();
    try {
      const version = await download(source, stream, received, report);
      const content = received.join();
      await storage.write(slot, storedVersion(version) ?? "", content);
      return content;
    } catch (error) {
      const copy = await copyAfter(error);
      report(stream.size ?? copy.size);
      return copy;
    }
  }
  return { url, size: stream.size, read };
}

async function openFirst(
  urls: URL[],
  { platform, signal }: ReadContext,
  token: string | undefined,
): Promise<{ url: URL; stream: FileStream } | undefined> {
  for (const url of urls) {
    const stream = await platform.openFile(url, signal, undefined, token);
    if (stream) return { url, stream };
  }
  return undefined;
}

function openCopy(url: URL, copy: Content): OpenFile {
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

export function missingFileError(urls: URL[]): CrossrankError {
  const url = urls[0]!;
  return new CrossrankError(
    url.protocol === "file:" ? "io" : "fetch-failed",
    urls.length > 2
      ? `there is no ${url.href}, and no graph in any other place of the Hugging Face layout`
      : `there is no ${urls.map(({ href }) => href).join(" and no ")}; check the address`,
  );
}

/**
 * Compares the length and, if the platform can hash, the hash; undefined if they are right.
 *
 * `crypto.subtle` is missing on insecure origins (`http:` other than localhost). Only the length is
 * checked there: whoever can change the model on its way can also change this code, so that a
 * hash function of our own would protect nobody.
 */
async function findMismatch(file: HashedFile, content: Uint8Array): Promise<string | undefined> {
  if (content.length !== file.bytes) return `has ${content.length} bytes instead of ${file.bytes}`;
  if (!canHash()) return undefined;
  const isGitHash = file.hash.length === 40;
  const hash = isGitHash ? await gitSha1(content) : await sha256(content);
  const algorithm = isGitHash ? "SHA-1" : "SHA-256";
  return hash === file.hash ? undefined : `has the ${algorithm} ${hash} instead of ${file.hash}`;
}

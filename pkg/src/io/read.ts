// Opens, reads and checks one file, from the storage or from its URL.

import { type Content, DamagedCopy, toBytes } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import type { FileRequest, FileStorage, FileStream, Platform, StoredCopy } from "../core/platform.js";
import {
  type DownloadSource,
  download,
  ReceivedBytes,
  type ReportBytes,
  resumeSameVersion,
  withRetries,
} from "./download.js";
import { isAbsent, isMissing, NetworkError, RefusedError } from "./fetch.js";
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
  /** Pass over the copies of a folder's files that the browser and service workers keep. */
  reload?: boolean | undefined;
}

/** A file that exists and can be read. */
export interface OpenFile {
  url: URL;
  size: number | undefined;
  /** Whether the content comes from the storage. */
  isCopy?: boolean;
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
async function openHashedFile(file: HashedFile, context: ReadContext): Promise<OpenFile> {
  const { storage, signal } = context;
  const { slot, url, bytes, hash, token } = file;
  const copy = (await storage.open(slot, hash))?.content;
  if (copy?.size === bytes) {
    // Whoever could change the copy could also change the hash beside it.
    const verify = async () => {
      const mismatch = await toBytes(copy).then(
        (content) => findMismatch(file, content),
        () => "cannot be read",
      );
      if (mismatch === undefined) return;
      await storage.remove(slot);
      throw new DamagedCopy(mismatch);
    };
    return openCopy(url, copy, verify);
  }
  if (copy) await storage.remove(slot);

  const unfinishedSlot = `${slot}, unfinished`;
  const received = new ReceivedBytes();
  received.push((await storage.read(unfinishedSlot, hash)) ?? new Uint8Array());

  function sourceOf(context: ReadContext): DownloadSource {
    const open = async (request?: FileRequest) => {
      const stream = await openUrl(url, context, token, request);
      if (!stream) throw missingFileError([url]);
      return { ...stream, size: stream.size ?? bytes };
    };
    // The parts may be of different versions. The hash tells whether they fit.
    return { url, open, resume: (start) => ({ start }), signal };
  }

  async function read(source: DownloadSource, stream: FileStream, report: ReportBytes): Promise<Uint8Array> {
    try {
      await download(source, stream, received, report);
    } catch (error) {
      // Another tab may have finished.
      if (received.length > 0 && !(await storage.has(slot, hash))) {
        await storage.write(unfinishedSlot, hash, received.join());
      }
      throw error;
    }
    await storage.remove(unfinishedSlot);
    const content = received.join();
    const mismatch = await findMismatch(file, content);
    if (mismatch !== undefined) {
      received.clear();
      throw new CrossrankError(
        "integrity",
        `${url.href} ${mismatch}; it is not the file that the model package or the hub ` +
          "describes: check that the server sends it whole, or install the package again",
      );
    }
    await storage.write(slot, hash, content, isGitHash(file) ? undefined : hash);
    return content;
  }

  const { source, stream } = await pastStaleCopies({ ...context, reload: false }, async (context) => {
    const source = sourceOf(context);
    // The last try asks for the whole file, in case that only requests for its rest fail.
    const open = (isLast: boolean) => source.open(isLast ? {} : { start: received.length });
    return { source, stream: await withRetries(signal, open) };
  });
  return {
    url,
    size: bytes,
    async read(report) {
      try {
        return await read(source, stream, report);
      } catch (error) {
        if (!(error instanceof CrossrankError && error.code === "integrity")) throw error;
        // The rest of an earlier download, or a copy on the way, may be to blame.
        const fresh = sourceOf({ ...context, reload: true });
        const stream = await fresh.open().catch(() => undefined);
        signal.throwIfAborted();
        if (!stream) throw error;
        return read(fresh, stream, report);
      }
    },
  };
}

/** The network is preferred to a copy in the storage, which is used if the network fails. */
async function openFolderFile(file: FolderFile, context: ReadContext): Promise<OpenFile | undefined> {
  const { slot, urls, token } = file;
  const { storage, signal } = context;
  /** The copy, whatever its version. An empty copy records that there was no such file. */
  async function copyAfter(error: unknown): Promise<StoredCopy> {
    const copy = error instanceof NetworkError ? await storage.open(slot) : undefined;
    if (!copy) throw error;
    if (copy.content.size === 0) await copy.verify().catch(() => Promise.reject(error));
    return copy;
  }

  let first: { url: URL; stream: FileStream } | undefined;
  try {
    first = await pastStaleCopies(context, (context) => openFirst(file, context));
  } catch (error) {
    const { content, verify } = await copyAfter(error);
    return content.size > 0 ? openCopy(urls[0]!, content, verify) : undefined;
  }
  if (!first) {
    await storage.write(slot, "", new Uint8Array());
    return undefined;
  }

  const { url, stream } = first;
  const storedVersion = (version: string | undefined) => version && `${url.pathname} ${version}`;
  const version = storedVersion(stream.version);
  const copy = version && (await storage.open(slot, version));
  if (copy) {
    stream.close();
    return openCopy(url, copy.content, copy.verify);
  }
  const source: DownloadSource = {
    url,
    async open(request) {
      const stream = await openUrl(url, context, token, request);
      if (!stream) throw missingFileError([url]);
      return stream;
    },
    resume: resumeSameVersion,
    signal,
  };
  let used: StoredCopy | undefined;
  async function read(report: ReportBytes): Promise<Content> {
    const received = new ReceivedBytes();
    try {
      const version = await download(source, stream, received, report);
      const content = received.join();
      await storage.write(slot, storedVersion(version) ?? "", content);
      return content;
    } catch (error) {
      used = await copyAfter(error);
      report(stream.size ?? used.content.size);
      return used.content;
    }
  }
  return { url, size: stream.size, read, verify: async () => used?.verify() };
}

/** Opens the first URL that has the file; undefined if it is optional and none has. */
async function openFirst(
  { slot, urls, optional, token }: FolderFile,
  context: ReadContext,
): Promise<{ url: URL; stream: FileStream } | undefined> {
  const { storage, signal } = context;
  // A copy serves at once if the network is off.
  const hasCopy = await storage.has(slot);
  let refusal: RefusedError | undefined;
  for (const url of urls) {
    const open = () => openUrl(url, context, token);
    try {
      const stream = await (hasCopy ? open() : withRetries(signal, open));
      if (stream) return { url, stream };
    } catch (error) {
      // Another file's failure may be the reason of the abort.
      signal.throwIfAborted();
      if (!isAbsent(error)) throw error;
      refusal ??= error;
    }
  }
  if (!optional) throw missingFileError(urls, refusal);
  return undefined;
}

/** Asks again if a file is missing: the browser or a service worker may have kept such an answer. */
async function pastStaleCopies<R>(
  context: ReadContext,
  open: (context: ReadContext) => Promise<R>,
): Promise<R> {
  try {
    return await open(context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isMissing(error)) throw error;
    return open({ ...context, reload: true });
  }
}

function openUrl(
  url: URL,
  { platform, signal, reload }: ReadContext,
  token: string | undefined,
  request?: FileRequest,
): Promise<FileStream | undefined> {
  return platform.openFile(url, signal, { ...request, reload }, token);
}

function openCopy(url: URL, copy: Blob, verify: () => Promise<void>): OpenFile {
  const { size } = copy;
  return {
    url,
    size,
    isCopy: true,
    verify,
    async read(report) {
      report(size);
      return copy;
    },
  };
}

/** What a file's absence means. `refusal` is what one of the servers said instead. */
export function missingFileError(urls: URL[], refusal?: RefusedError): CrossrankError {
  const url = urls[0]!;
  if (urls.length === 1 && refusal) return refusal;
  const places = urls.map(({ href }) => href);
  const {
    what = `there is no ${urls.length === 2 ? places.join(" and no ") : url.href}`,
    advice = "check the address, and whether a bundler left the file out",
  } = refusal ?? {};
  const others =
    urls.length > 2 ? ", and there is no graph in any other place of the Hugging Face layout" : "";
  return url.protocol === "file:"
    ? new CrossrankError("io", `${what}${others}; ${advice}`)
    : new RefusedError(what + others, advice, url, { status: 404 });
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
  const isGit = isGitHash(file);
  const hash = isGit ? await gitSha1(content) : await sha256(content);
  const algorithm = isGit ? "SHA-1" : "SHA-256";
  return hash === file.hash ? undefined : `has the ${algorithm} ${hash} instead of ${file.hash}`;
}

function isGitHash({ hash }: HashedFile): boolean {
  return hash.length === 40;
}

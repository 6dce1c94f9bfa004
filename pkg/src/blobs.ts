// A model's files on their way to workers.

import type { ModelFiles } from "./model.js";

/** The files as blobs, which cross to workers without being copied. */
export type ModelBlobs = { [key in keyof ModelFiles]: Blob };

export function blobsOf(files: ModelFiles): ModelBlobs {
  const entries = Object.entries(files).filter(([, bytes]) => bytes !== undefined);
  return Object.fromEntries(entries.map(([key, bytes]) => [key, new Blob([bytes])])) as never;
}

export async function bytesOf(blobs: ModelBlobs): Promise<ModelFiles> {
  const read = async ([key, blob]: [string, Blob]) => [key, new Uint8Array(await blob.arrayBuffer())];
  return Object.fromEntries(await Promise.all(Object.entries(blobs).map(read)));
}

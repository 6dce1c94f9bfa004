// Prepared models. Each is one file that holds all the others; src/model/prepared.rs defines the format.

import { type Content, slice, toBytes } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import { canHash, sha256 } from "../io/hash.js";

/** The extension of a prepared model, which is a file and not a folder. */
export const PREPARED_EXTENSION = ".crossrank";

/** The usual name of a prepared model in a folder. */
export const PREPARED_FILE = `model${PREPARED_EXTENSION}`;

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 200;

/** The hash that a prepared model states, and the part of the file that was hashed. */
export async function readPreparedHash(
  file: Content,
): Promise<{ hash: string; content: Content } | undefined> {
  const header = await toBytes(slice(file, LENGTH_BYTES, LENGTH_BYTES + MAX_HEADER_BYTES));
  const text = new TextDecoder("latin1").decode(header);
  const match = /^\{"__metadata__":\{"crossrank":"[23]","sha256":"([0-9a-f]{64})/.exec(text);
  return match ? { hash: match[1]!, content: slice(file, LENGTH_BYTES + match[0].length) } : undefined;
}

/** Rejects if the file is a prepared model whose content does not have the hash that it states. */
export async function verifyPrepared(file: Content): Promise<void> {
  const prepared = canHash() ? await readPreparedHash(file) : undefined;
  if (prepared && (await sha256(await toBytes(prepared.content))) !== prepared.hash) {
    throw new CrossrankError(
      "invalid-model",
      "the prepared model is damaged (its content has another SHA-256); copy or prepare it again",
    );
  }
}

// The largest size of a file that a page or node reads for a model.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const dist = join(process.env.CROSSRANK_PROJECT, "node_modules/crossrank/dist");
const from = (file) => import(pathToFileURL(join(dist, file)));
const { checkFileSize } = await from("core/content.js");
const { download, ReceivedBytes } = await from("io/download.js");

/** What fits into one allocation of WebAssembly. */
const LIMIT = 2 ** 31 - 1;
const tooLarge = { code: "unsupported-model", message: /has 2148 MB.*2147 MB per file/ };

/** Downloads a file whose size the server does not say. Its chunks are one buffer. */
async function downloadOfUnknownSize(bytes) {
  const buffer = new Uint8Array(2 ** 26);
  async function* chunks() {
    for (let sent = 0; sent < bytes; sent += buffer.length) {
      yield buffer.subarray(0, bytes - sent);
    }
  }
  const received = new ReceivedBytes();
  const open = async () => assert.fail("it is not asked for again");
  const source = { url: new URL("http://site.test/model.onnx"), open, resume: () => undefined };
  const stream = { start: 0, size: undefined, version: undefined, chunks: chunks(), close() {} };
  await download(source, stream, received, () => {});
  return received.length;
}

test("a file has a largest size", async () => {
  for (const bytes of [LIMIT - 1, LIMIT]) {
    checkFileSize(bytes);
    assert.equal(await downloadOfUnknownSize(bytes), bytes);
  }
  assert.throws(() => checkFileSize(LIMIT + 1), tooLarge);
  // An endless file is not read to its end either.
  for (const bytes of [LIMIT + 1, Infinity]) await assert.rejects(downloadOfUnknownSize(bytes), tooLarge);
});

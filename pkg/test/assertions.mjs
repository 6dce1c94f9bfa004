// The assertions of the suites, which know no test runner.

/** The error that the call throws or rejects with. */
export async function rejection(call) {
  let value;
  try {
    value = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`resolved to ${JSON.stringify(value)?.slice(0, 200)} instead of rejecting`);
}

export function ok(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, expected, what = "value") {
  if (Object.is(actual, expected)) return;
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (typeof actual !== "object" || actual === null || a !== e) {
    throw new Error(`${what}: got ${a?.slice(0, 500)}, expected ${e?.slice(0, 500)}`);
  }
}

/** The files of a model package with separate files. */
export async function bytesOf(model) {
  const read = async ({ url }) => {
    if (url.protocol !== "file:") return new Uint8Array(await (await fetch(url)).arrayBuffer());
    return new Uint8Array(await (await import("node:fs/promises")).readFile(url));
  };
  const { onnx, tokenizer, config } = model.files;
  return { onnx: await read(onnx), tokenizer: await read(tokenizer), config: await read(config) };
}

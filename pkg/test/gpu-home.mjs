// The bundled model on a GPU, by files that the package does not have yet: on a page that imports this, or in a worker that has it as its script.

import { bind } from "/gpu-bindings.js";

const MODEL = "/node_modules/crossrank-minilm-l6-en";
const FILES = {
  onnx: "onnx/model_quantized.onnx",
  tokenizer: "tokenizer.json",
  config: "config.json",
  tokenizerConfig: "tokenizer_config.json",
};

/** `{ info, logits }` of golden pairs, or the `{ code, message }` of what went wrong. */
export async function run(pairs) {
  const bindings = bind();
  await bindings({ module_or_path: "/crossrank-gpu.wasm" });
  const files = new bindings.Files();
  for (const [name, path] of Object.entries(FILES)) {
    const content = new Uint8Array(await (await fetch(`${MODEL}/${path}`)).arrayBuffer());
    files.push(name, content);
  }
  try {
    const model = await bindings.GpuModel.load(files, false, false);
    const run = (pairs) => {
      const flat = (key) => Uint32Array.from(pairs.flatMap((pair) => pair[key]));
      const lengths = Uint32Array.from(pairs, (pair) => pair.input_ids.length);
      return model.run(flat("input_ids"), flat("token_type_ids"), lengths);
    };
    // Two calls at once, which share the device.
    const [logits, again] = await Promise.all([run(pairs), run(pairs.slice(-2))]);
    return { info: model.info(), logits: [...logits], again: [...again] };
  } catch (error) {
    return { code: error.code, message: error.message ?? String(error) };
  }
}

if ("DedicatedWorkerGlobalScope" in globalThis) {
  addEventListener("message", async ({ data }) => postMessage(await run(data)));
}

// Writes index.js of a model package, from the files in its folder: `describe-model.mjs FOLDER NAME`.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, name] = process.argv.slice(2);

const PREPARED = { prepared: "model.crossrank" };
const SEPARATE = {
  onnx: "onnx/model_quantized.onnx",
  tokenizer: "tokenizer.json",
  config: "config.json",
  tokenizerConfig: "tokenizer_config.json",
  pooling: "pooling.json",
};

const paths = existsSync(join(folder, PREPARED.prepared)) ? PREPARED : SEPARATE;
const existing = Object.entries(paths).filter(([, path]) => existsSync(join(folder, path)));
if (existing.length === 0) throw new Error(`${folder} has no model`);

const entries = existing.map(([key, path]) => {
  const content = readFileSync(join(folder, path));
  const hash = createHash("sha256").update(content).digest("hex");
  return `  ${key}: {
    get url() {
      return new URL("./${path}", import.meta.url);
    },
    bytes: ${content.length},
    sha256: "${hash}",
  },
`;
});

const text = `// The model's files, with their lengths and hashes. \`new URL\` has the form that bundlers recognize, so
// that they include the files. It is in getters, because it throws where \`import.meta.url\` has no value.

export const name = "${name}";

export const files = {
${entries.join("")}};

export default { name, files };
`;
writeFileSync(join(folder, "index.js"), text);

// What a record says of the machine and of the peers' versions.

import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

/** The vector instructions that decide the speed of int8 products. */
const FEATURES = ["avx2", "avx512f", "avx512_vnni", "avx_vnni"];

/** The CPU's model, which the name alone may not tell, and those of `FEATURES` that it has. */
export function cpu() {
  const file = "/proc/cpuinfo";
  const info = existsSync(file) ? readFileSync(file, "utf8") : "";
  const field = (name) => info.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1];
  const flags = field("flags")?.split(" ") ?? [];
  const features = FEATURES.filter((flag) => flags.includes(flag));
  const details = [
    ...(field("cpu family") ? [`family ${field("cpu family")}`, `model ${field("model")}`] : []),
    ...features,
  ];
  const name = `${cpus()[0].model.trim()}, ${cpus().length} cores`;
  return { cpu: details.length ? `${name} (${details.join(", ")})` : name, features };
}

/** The versions of the peers: of the npm packages in `folder`, and of the crates in its lock file of rten. */
export function versions(folder) {
  const npm = (path) =>
    JSON.parse(readFileSync(join(folder, "node_modules", path, "package.json"), "utf8")).version;
  const lock = readFileSync(join(folder, "rten/Cargo.lock"), "utf8");
  const crate = (name) => lock.match(new RegExp(`name = "${name}"\nversion = "(.*)"`))[1];
  const transformers = "@huggingface/transformers";
  return {
    "onnxruntime-node": npm("onnxruntime-node"),
    "onnxruntime-web": npm("onnxruntime-web"),
    [transformers]: npm(transformers),
    [`onnxruntime-web (of ${transformers})`]: npm(`${transformers}/node_modules/onnxruntime-web`),
    rten: crate("rten"),
    "tokenizers (for rten)": crate("tokenizers"),
  };
}

// What the site says of the package: its version, its repository and the size of its model.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { files } from "../../models/minilm-l6-en/index.js";

export const ROOT = resolve(import.meta.dirname, "../..");

const { version, repository } = JSON.parse(readFileSync(join(ROOT, "pkg/package.json"), "utf8"));
const address = typeof repository === "string" ? repository : repository?.url;

export const VERSION = version;
export const REPOSITORY = (address ?? "https://github.com/OWNER/crossrank").replace(/^git\+|\.git$/g, "");
export const MODEL_BYTES = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);

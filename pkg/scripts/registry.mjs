// Prints the module dist/registry.js: what loading by name needs of src/hub/registry.json.

import { readFile } from "node:fs/promises";

const file = new URL("../../src/hub/registry.json", import.meta.url);
const known = JSON.parse(await readFile(file, "utf8")).map(
  ({ name, aliases = [], task, bundled, repository, graphs }) => ({
    names: [name, ...aliases],
    task,
    bundled,
    repository,
    graphs: graphs.map(({ path }) => path),
  }),
);
console.log(`export const KNOWN = ${JSON.stringify(known)};`);

// Prints the module dist/model/registry.js: the parts of src/hub/registry.json that loading by
// name needs.

import { readFile } from "node:fs/promises";

const file = new URL("../../src/hub/registry.json", import.meta.url);
const models = JSON.parse(await readFile(file, "utf8")).map(
  ({ name, aliases = [], task, bundled, repository, graphs }) => ({
    names: [name, ...aliases],
    task,
    bundled,
    repository,
    graphs: graphs.map(({ path }) => path),
  }),
);
console.log(`export const REGISTRY = ${JSON.stringify(models)};`);

// The import rules of src. Imports of types count.

/** Each folder may import from those after it. */
const FOLDERS = ["adapters", "api", "load", "backends", "runtime", "edge", "site", "model", "io", "core"];

/** The files at the top of src. */
const ENTRY = "^src/[^/]+$";

/** What the adapters import of other packages, and the main entry by its name. */
const FRAMEWORKS = "^(crossrank|react|@(lancedb|langchain|llamaindex)/.+)$";

export default {
  options: {
    // Its parser for TypeScript does not know version 7. That of swc also sees imports of types.
    parser: "swc",
    tsPreCompilationDeps: true,
  },
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    ...FOLDERS.slice(1).map((folder, above) => ({
      name: `${folder}-imports-downwards`,
      severity: "error",
      from: { path: `^src/${folder}/` },
      to: { path: `^src/(${FOLDERS.slice(0, above + 1).join("|")})/` },
    })),
    { name: "no-import-of-entries", severity: "error", from: { path: "^src/" }, to: { path: ENTRY } },
    {
      name: "no-other-folder",
      severity: "error",
      from: { path: "^src/", pathNot: [ENTRY, `^src/(${FOLDERS.join("|")})/`] },
      to: {},
    },
    {
      name: "no-import-of-adapters",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/adapters/" },
      to: { path: "^src/adapters/" },
    },
    {
      name: "frameworks-in-adapters",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/adapters/" },
      to: { path: FRAMEWORKS, pathNot: "^crossrank$" },
    },
    {
      name: "main-entry-by-name-in-adapters-and-site",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(adapters|site)/" },
      to: { path: "^crossrank$" },
    },
    {
      name: "node-in-node-files",
      severity: "error",
      from: { path: "^src/", pathNot: "node\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "imports-resolve",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true, pathNot: ["\\.wasm$", "^crossrank-", FRAMEWORKS] },
    },
  ],
};

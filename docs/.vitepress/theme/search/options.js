// How MiniSearch reads passages. The build makes the index with these options, and pages load it.

export const OPTIONS = {
  fields: ["title", "trail", "text"],
  storeFields: ["url", "title", "trail", "text"],
  searchOptions: {
    // The modules of the adapters repeat the options of the main module.
    boostDocument: (_id, _term, { url }) => (url.startsWith("reference/api/crossrank/") ? 0.5 : 1),
    boost: { title: 3, trail: 1.5 },
    prefix: (term) => term.length > 2,
    fuzzy: (term) => (term.length > 4 ? 0.2 : false),
  },
};

// The searches that are compared. Each function runs in the page of a browser and gives, for a query, the pages of each of
// its stages: `{ stage: [{ url, sections: [{ url, heading }] }] }`.

/** How many sections of a page a list shows. */
const SECTIONS = 3;

/** Pagefind, with the sections that its own list shows: the first ones with the most places. */
export async function pagefind(query, { SECTIONS, base }) {
  const pagefind = await import(`${base}pagefind.js`);
  const { results } = await pagefind.search(query);
  const pages = await Promise.all(results.slice(0, 10).map((result) => result.data()));
  const list = pages.map(({ url, sub_results }) => {
    const best = [...sub_results].sort((a, b) => b.locations.length - a.locations.length);
    return { url, sections: best.slice(0, SECTIONS).map(({ url, title }) => ({ url, heading: title })) };
  });
  return { pagefind: list };
}

/** VitePress's own search with its options, whose results are 16 sections. `vitepress/` holds MiniSearch and the index. */
export async function vitepress(query, { SECTIONS, base }) {
  const { default: MiniSearch } = await import(`${base}minisearch.js`);
  const { default: index } = await import(`${base}index.js`);
  window.miniSearch ??= MiniSearch.loadJSON(index, {
    fields: ["title", "titles", "text"],
    storeFields: ["title", "titles"],
    searchOptions: { fuzzy: 0.2, prefix: true, boost: { title: 4, text: 2, titles: 1 } },
  });
  const pages = new Map();
  for (const { id, title } of window.miniSearch.search(query).slice(0, 16)) {
    const page = id.split("#")[0];
    if (!pages.has(page)) pages.set(page, { url: page, sections: [] });
    const { sections } = pages.get(page);
    if (sections.length < SECTIONS) sections.push({ url: id, heading: title });
  }
  return { vitepress: [...pages.values()].slice(0, 10) };
}

/** Crossrank, whose results are sections. A page has the place of its best one. */
export async function crossrank(query, { SECTIONS, base }) {
  window.siteSearches ??= {};
  window.siteSearches[base] ??= (await import(`${base}crossrank-search.js`)).createSiteSearch({ base });
  const stages = {};
  for await (const { stage, results, error } of window.siteSearches[base].search(query, { limit: 30 })) {
    if (error) throw error;
    const pages = new Map();
    for (const { url, title, section } of results) {
      const page = url.split("#")[0];
      if (!pages.has(page)) pages.set(page, { url: page, sections: [] });
      const { sections } = pages.get(page);
      if (sections.length < SECTIONS) sections.push({ url, heading: section || title });
    }
    stages[stage] = [...pages.values()].slice(0, 10);
  }
  return stages;
}

/** `embedder/` holds files of `crossrank site --embedder`. */
export const TOOLS = { pagefind, vitepress, crossrank, embedder: crossrank };
export const SETTINGS = { SECTIONS };

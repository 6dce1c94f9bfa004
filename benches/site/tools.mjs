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

/** Crossrank, whose results are sections. A page has the place of its best one. */
export async function crossrank(query, { SECTIONS, base }) {
  window.siteSearch ??= (await import(`${base}crossrank-search.js`)).createSiteSearch({ base });
  const stages = {};
  for await (const { stage, results, error } of window.siteSearch.search(query, { limit: 30 })) {
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

export const TOOLS = { pagefind, crossrank };
export const SETTINGS = { SECTIONS };

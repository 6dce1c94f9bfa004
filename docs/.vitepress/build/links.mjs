// Checks the links between built pages, with their anchors.

/**
 * Gives a message for each link to a page or an anchor that does not exist. `pages` maps the path of each
 * HTML file, such as `guides/gpu.html`, to its parsed document.
 */
export function deadLinks(pages, base, exists) {
  const anchors = new Map();
  for (const [path, root] of pages) {
    anchors.set(path, new Set(root.querySelectorAll("[id]").map(({ id }) => id)));
  }
  const dead = [];
  for (const [path, root] of pages) {
    for (const link of root.querySelectorAll("a[href]")) {
      const url = new URL(link.getAttribute("href"), `http://site${base}${path}`);
      if (url.host !== "site" || url.hash.includes("=")) continue;
      const target = targetOf(url.pathname, base);
      const ids = anchors.get(target);
      if (!ids && !(target && exists(target))) dead.push(`${path}: ${link.getAttribute("href")}`);
      else if (url.hash && ids && !ids.has(decodeURIComponent(url.hash.slice(1)))) {
        dead.push(`${path}: ${link.getAttribute("href")} (the page has no such anchor)`);
      }
    }
  }
  return [...new Set(dead)];
}

function targetOf(pathname, base) {
  if (!pathname.startsWith(base)) return undefined;
  const path = decodeURIComponent(pathname.slice(base.length));
  return path === "" || path.endsWith("/") ? `${path}index.html` : path;
}

// The documents to search: those of the corpus file, or the visitor's own.

import { fromBytes } from "./vectors.js";

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the documents could not be fetched: ${response.status} for ${url}`);
  return response;
}

/** The documents of a corpus file: `{ source, title, section, text, url }`. */
export async function loadCorpus(url) {
  return documentsOf(await (await get(url)).json());
}

/** The vectors of `count` documents, in their order. */
export async function loadVectors(url, count) {
  return fromBytes(await (await get(url)).arrayBuffer(), count);
}

export function documentsOf({ base, pages }) {
  return pages.flatMap(({ source, title, path, sections }) =>
    sections.flatMap(({ heading, anchor, passages }) => {
      const url = `${base}${path}${anchor ? `#${anchor}` : ""}`;
      return passages.map((text) => ({ source, title, section: heading, text, url }));
    }),
  );
}

/** Cuts texts into passages at empty lines. A line like "# Heading" names the passages after it. */
export function ownDocuments(texts) {
  return texts.flatMap(({ name, text }) => {
    const documents = [];
    let heading;
    for (const part of text.replaceAll("\r\n", "\n").split(/\n\s*\n/)) {
      const [, named, body] = /^(?:#+ +(.*)(?:\n|$))?([\s\S]*)$/.exec(part.trim());
      heading = named ?? heading;
      const section = heading ?? `passage ${documents.length + 1}`;
      if (body) documents.push({ source: name, title: name, section, text: body.replace(/\s+/g, " ") });
    }
    return documents;
  });
}

// Cuts a built page into the passages that the site's search finds.

const PASSAGE_CHARACTERS = 500;

/** `[{ anchor, title, trail, text }]`: a section of at most PASSAGE_CHARACTERS, or a part of a longer one. */
export function passagesOf(content) {
  const passages = [];
  const trail = [];
  let section = { anchor: "", title: "", trail: "" };
  let lines = [];
  const end = () => {
    for (const text of pack(lines)) passages.push({ ...section, text });
    lines = [];
  };
  const visit = (node) => {
    const level = Number(/^H([1-6])$/.exec(node.tagName)?.[1]);
    if (level) {
      end();
      const title = textOf(node);
      trail.length = Math.min(trail.length, level - 1);
      section = { anchor: node.id ?? "", title, trail: trail.filter(Boolean).join(" › ") };
      trail[level - 1] = title;
    } else if (node.querySelector?.("h1, h2, h3, h4, h5, h6")) {
      for (const child of node.childNodes) visit(child);
    } else {
      lines.push(...linesOf(node));
    }
  };
  for (const child of content.childNodes) visit(child);
  end();
  return passages;
}

const clean = (text) => text.replace(/[\s\u200b]+/g, " ").trim();
const textOf = (node) => clean(node.textContent);

/** A table's rows, a list's items, the lines of code, or a whole paragraph. */
function linesOf(node) {
  const parts = node.querySelectorAll?.("tr, li, pre .line") ?? [];
  if (parts.length === 0) return [textOf(node)].filter(Boolean);
  const cells = (part) => (part.tagName === "TR" ? part.querySelectorAll("th, td") : [part]);
  const isContent = (text) => text !== "" && text !== "-";
  return parts.map((part) => cells(part).map(textOf).filter(isContent).join(", ")).filter(isContent);
}

function pack(lines) {
  const texts = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last && last.length + line.length < PASSAGE_CHARACTERS) texts[texts.length - 1] = `${last} ${line}`;
    else texts.push(line);
  }
  return texts;
}

// Lines from each passage's place in the first stage to its place after reranking.

import { $, s } from "./dom.js";

export function drawMoves() {
  const svg = $("moves");
  const { top, width, height } = svg.getBoundingClientRect();
  svg.replaceChildren();
  if (width === 0) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const heightOf = (list) =>
    new Map(
      [...$(list).children].map((item) => {
        const head = item.querySelector(".head").getBoundingClientRect();
        return [item.dataset.candidate, head.top + head.height / 2 - top];
      }),
    );
  const from = heightOf("first");
  const to = heightOf("reranked");
  if (to.size === 0) return;
  for (const candidate of new Set([...from.keys(), ...to.keys()])) {
    // A passage that is not shown in one of the lists has a line to the lower edge.
    const start = from.get(candidate) ?? height;
    const end = to.get(candidate) ?? height;
    let kind = "level";
    if (!from.has(candidate)) kind = "up from-below";
    else if (!to.has(candidate)) kind = "out";
    else if (end < start - 4) kind = "up";
    const path = `M0 ${start} C${width / 2} ${start} ${width / 2} ${end} ${width} ${end}`;
    svg.append(s("path", { d: path, class: kind, "data-candidate": candidate }));
  }
}

/** Highlights a passage in both lists, and its line, while the pointer or the focus is on it. */
export function lightMoves(columns) {
  const light = ({ target, type }) => {
    const on = type === "pointerover" || type === "focusin";
    const candidate = on ? target.closest?.("[data-candidate]")?.dataset.candidate : undefined;
    for (const element of columns.querySelectorAll("[data-candidate]")) {
      element.classList.toggle("lit", element.dataset.candidate === candidate);
    }
  };
  for (const type of ["pointerover", "pointerleave", "focusin", "focusout"])
    columns.addEventListener(type, light);
}

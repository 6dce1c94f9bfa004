// What the element shows: a button, and a dialog with the combobox of WAI-ARIA.

import type { ExcerptPart, SiteFilter, SiteResult } from "../../types/site.js";
import type { SearchMessages } from "../../types/site-element.js";
import { STYLES } from "./styles.js";

const LENS = `<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="7"/><path d="m20 20-4-4"/></svg>`;

const TEMPLATE = `
<slot name="button">
  <button type="button" class="open" part="button" aria-haspopup="dialog">
    ${LENS}<span class="label" data-text="search"></span><kbd aria-hidden="true"></kbd>
  </button>
</slot>
<dialog part="dialog" data-label="search">
  <div class="panel">
    <div class="field">
      ${LENS}
      <input type="text" role="combobox" part="input" data-label="search" data-placeholder="placeholder"
        aria-autocomplete="list" aria-haspopup="listbox" aria-controls="results" aria-expanded="false"
        autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="go" autofocus>
      <button type="button" class="close" data-text="close"></button>
    </div>
    <div class="filters"></div>
    <div id="results" role="listbox" data-label="results" part="results"></div>
    <p class="note nothing"></p>
    <p class="note failure" role="alert"></p>
    <p class="hidden-text" role="status"></p>
    <div class="foot" hidden>
      <label><input type="checkbox"><span data-text="rerank"></span></label>
      <span class="state"></span>
    </div>
  </div>
</dialog>`;

/** The parts of a view that change. */
export class View {
  readonly dialog: HTMLDialogElement;
  readonly input: HTMLInputElement;
  readonly list: HTMLElement;
  readonly foot: HTMLElement;
  readonly rerank: HTMLInputElement;
  readonly #root: ShadowRoot;

  constructor(root: ShadowRoot) {
    this.#root = root;
    // Pages whose policy allows no style elements allow these.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = TEMPLATE;
    this.dialog = this.#find("dialog");
    this.input = this.#find("input");
    this.list = this.#find("#results");
    this.foot = this.#find(".foot");
    this.rerank = this.#find(".foot input");
  }

  find<E extends HTMLElement>(selector: string): E {
    return this.#find(selector);
  }

  get options(): HTMLAnchorElement[] {
    return [...this.list.querySelectorAll<HTMLAnchorElement>("a")];
  }

  setMessages(messages: SearchMessages): void {
    for (const element of this.#root.querySelectorAll<HTMLElement>("[data-text], [data-label]")) {
      const { text, label, placeholder } = element.dataset as Record<string, keyof SearchMessages>;
      if (text) element.textContent = messages[text];
      if (label) element.ariaLabel = messages[label];
      if (placeholder) (element as HTMLInputElement).placeholder = messages[placeholder];
    }
  }

  setText(selector: string, text: string): void {
    const element = this.#find(selector);
    if (element.textContent !== text) element.textContent = text;
  }

  /** The results below the titles of their pages. Partial ones have the room that complete ones take up. */
  showResults(results: readonly SiteResult[]): void {
    let count = 0;
    const groups = byPage(results).map((sections, i) => {
      const title = make(
        "div",
        { className: "page", id: `page-${i}`, role: "presentation", dir: "auto" },
        sections[0]!.title,
      );
      const options = sections.map((section) => optionOf(section, count++));
      const group = make("div", { role: "group" }, title, ...options);
      group.setAttribute("aria-labelledby", title.id);
      return group;
    });
    this.list.replaceChildren(...groups);
    this.list.scrollTop = 0;
    this.input.ariaExpanded = String(results.length > 0);
    this.select(-1);
  }

  /** Completes partial results in their places. */
  fillResults(results: readonly SiteResult[]): void {
    const shown = byPage(results).flat();
    for (const [i, option] of this.options.entries()) fill(option, shown[i]!);
  }

  /** Marks an option as the selected one; -1 for none. */
  select(selected: number): void {
    for (const [i, option] of this.options.entries()) {
      option.ariaSelected = String(i === selected);
      if (i === selected) option.scrollIntoView({ block: "nearest" });
    }
    if (selected < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `result-${selected}`);
  }

  showFilters(filters: readonly SiteFilter[], all: string, onChange: () => void): void {
    const labels = filters.map(({ name, values }) => {
      const select = make("select", { name, onchange: onChange }, make("option", { value: "" }, all));
      for (const { value, count } of values) select.append(make("option", { value }, `${value} (${count})`));
      return make("label", {}, name, select);
    });
    this.#find(".filters").replaceChildren(...labels);
  }

  /** The values that are chosen. */
  get filters(): Record<string, string> {
    const chosen = [...this.#root.querySelectorAll("select")].filter(({ value }) => value !== "");
    return Object.fromEntries(chosen.map(({ name, value }) => [name, value]));
  }

  #find<E extends HTMLElement>(selector: string): E {
    return this.#root.querySelector<E>(selector)!;
  }
}

/** The sections of each page. The best result of a page gives it its place. */
function byPage(results: readonly SiteResult[]): SiteResult[][] {
  const pages = new Map<string, SiteResult[]>();
  for (const result of results) {
    const page = result.url.split("#")[0]!;
    pages.set(page, [...(pages.get(page) ?? []), result]);
  }
  return [...pages.values()];
}

function optionOf(result: SiteResult, i: number): HTMLAnchorElement {
  const option = make("a", { id: `result-${i}`, role: "option", tabIndex: -1, ariaSelected: "false" });
  fill(option, result);
  return option;
}

function fill(option: HTMLAnchorElement, { url, title, section, excerpt }: SiteResult): void {
  option.href = url;
  const parts = excerpt.map(({ text, match }: ExcerptPart) => (match ? make("mark", {}, text) : text));
  // Without a text, the name of the link is that of its page.
  option.ariaLabel = section || excerpt.length > 0 ? null : title;
  const shown = [make("span", { className: "excerpt", dir: "auto" }, ...parts)];
  if (section) shown.unshift(make("span", { className: "section", dir: "auto" }, section));
  option.replaceChildren(...shown);
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

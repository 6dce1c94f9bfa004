// The element <crossrank-search>.

import type { Progress } from "../../types/index.js";
import type {
  SiteEmbedder,
  SiteReranker,
  SiteResult,
  SiteResults,
  SiteSearch,
  SiteSearchOptions,
} from "../../types/site.js";
import type { SearchMessages, SearchSelection } from "../../types/site-element.js";
import { CrossrankError, toError } from "../core/errors.js";
import { fill, messagesIn } from "./messages.js";
import { make, View } from "./view.js";

/** How long after the last key more than terms is searched for, and results are announced. */
const TYPING_PAUSE_MS = 150;
const SETTING = "crossrank-search-rerank";

/** Where there is no DOM, as on a server that renders pages, the class can be imported but not used. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/** Makes the class of the element. `defaultBase` is the folder of the index if the element does not name it. */
export function createSearchElement(
  createSiteSearch: (options: SiteSearchOptions) => SiteSearch,
  defaultBase?: string,
) {
  return class CrossrankSearch extends Base {
    static readonly observedAttributes = ["lang", "shortcut"];

    reranker: SiteReranker | undefined;
    embedder: SiteEmbedder | undefined;
    messages: Partial<SearchMessages> = {};
    #view: View | undefined;
    #siteSearch: SiteSearch | undefined;
    #texts = messagesIn("en");
    /** What is on the screen. */
    #shown: SiteResults | undefined;
    /** A better order that is held back, because the reader is choosing. */
    #held: SiteResults | undefined;
    #selected = -1;
    /** The query of the last search. */
    #query = "";
    #isChoosing = false;
    #wantsReranking = readSetting() !== "off";
    /** Whether something can rerank, which is known once the index is there. */
    #reranking: Awaited<ReturnType<SiteSearch["reranking"]>> = "none";
    #isPrepared = false;
    #searches = 0;

    get siteSearch(): SiteSearch {
      if (!this.#siteSearch) {
        const base = this.getAttribute("base") ?? defaultBase;
        if (base === undefined) {
          const message =
            '<crossrank-search> has no attribute "base"; name the folder that `crossrank site` wrote';
          throw new CrossrankError("invalid-argument", message);
        }
        const isOff = this.getAttribute("rerank") === "off";
        const reranker = isOff ? false : this.reranker;
        const embedder = isOff ? false : this.embedder;
        const onProgress = (progress: Progress) => this.#showProgress(progress);
        this.#siteSearch = createSiteSearch({ base, reranker, embedder, onProgress });
      }
      return this.#siteSearch;
    }

    get isOpen(): boolean {
      return this.#view?.dialog.open === true;
    }

    connectedCallback(): void {
      document.addEventListener("keydown", this.#onShortcut);
      if (!this.#view) this.#build();
      this.#translate();
    }

    disconnectedCallback(): void {
      document.removeEventListener("keydown", this.#onShortcut);
      this.close();
    }

    attributeChangedCallback(): void {
      if (this.#view) this.#translate();
    }

    open(query?: string): void {
      const view = this.#view;
      if (!view || !this.isConnected) return;
      if (!view.dialog.open) {
        this.#translate();
        view.dialog.showModal();
        this.#showState();
        if (!this.#isPrepared) void this.#prepare();
      }
      if (query !== undefined) view.input.value = query;
      view.input.select();
      if (view.input.value.trim() !== this.#query) void this.#search();
    }

    close(): void {
      this.#view?.dialog.close();
    }

    #build(): void {
      const view = new View(this.attachShadow({ mode: "open" }));
      this.#view = view;
      const { dialog, input, list, rerank } = view;
      view.find("slot").addEventListener("click", () => this.open());
      view.find(".close").onclick = () => this.close();
      input.oninput = () => this.#search();
      input.onkeydown = (event) => this.#onKey(event);
      // A pointer that rests where the list appears chooses nothing.
      list.onpointermove = ({ movementX, movementY }) => {
        if (movementX !== 0 || movementY !== 0) this.#isChoosing = true;
      };
      list.onpointerdown = () => (this.#isChoosing = true);
      list.onclick = (event) => this.#follow(event);
      dialog.onpointerdown = ({ target }) => target === dialog && this.close();
      dialog.onclose = () => this.#end();
      rerank.onchange = () => {
        this.#wantsReranking = rerank.checked;
        writeSetting(rerank.checked ? "on" : "off");
        void this.#search();
      };
    }

    #translate(): void {
      const view = this.#view!;
      this.#texts = { ...messagesIn(this.#language || navigator.language), ...this.messages };
      view.setMessages(this.#texts);
      const isMac = /mac|iphone|ipad/i.test(navigator.platform);
      const key = this.#shortcut.toUpperCase();
      view.setText("kbd", key && (isMac ? `⌘${key}` : `Ctrl ${key}`));
      const button = view.find(".open");
      if (key) button.setAttribute("aria-keyshortcuts", `Control+${key} Meta+${key}`);
      else button.removeAttribute("aria-keyshortcuts");
    }

    /** The language of the element, or of the page around it. Empty if none is named. */
    get #language(): string {
      return this.lang || this.closest<HTMLElement>("[lang]")?.lang || "";
    }

    get #shortcut(): string {
      return this.getAttribute("shortcut") ?? "k";
    }

    readonly #onShortcut = (event: KeyboardEvent): void => {
      const isShortcut = event.key.toLowerCase() === this.#shortcut && (event.ctrlKey || event.metaKey);
      if (!isShortcut || event.altKey || event.shiftKey || event.defaultPrevented) return;
      event.preventDefault();
      this.open();
    };

    /** Loads the index, while the reader begins to type. */
    async #prepare(): Promise<void> {
      try {
        const [filters, reranking] = await Promise.all([
          this.siteSearch.filters(),
          this.siteSearch.reranking(),
        ]);
        const view = this.#view!;
        view.showFilters(filters, this.#texts.all, () => this.#search());
        this.#reranking = reranking;
        this.#isPrepared = true;
        this.#showState();
      } catch (error) {
        this.#fail(this.#texts.failed, error);
      }
    }

    async #search(): Promise<void> {
      const view = this.#view!;
      const number = ++this.#searches;
      const isLast = () => number === this.#searches && this.isOpen;
      this.#query = view.input.value.trim();
      this.#isChoosing = false;
      view.setText(".failure", "");
      if (this.#query === "") return this.#show(undefined);
      const language = this.getAttribute("language") ?? this.#language;
      const options = {
        limit: Number(this.getAttribute("limit") ?? 10),
        filters: view.filters,
        rerank: view.rerank.checked,
        ...(language && { language }),
      };
      const pause = new Promise((resolve) => setTimeout(resolve, TYPING_PAUSE_MS));
      try {
        for await (const page of this.siteSearch.search(this.#query, options)) {
          if (!isLast()) return;
          this.#receive(page);
          if (page.partial) continue;
          // The next stage begins when this asks for it.
          await pause;
          if (!isLast()) return;
          this.#announce(page);
        }
      } catch (error) {
        if (isLast()) this.#fail(this.#texts.failed, error);
      }
    }

    /** Shows better results, unless that would move them under the pointer or the selection. */
    #receive(page: SiteResults): void {
      if (page.error) {
        this.#fail(this.#texts.notReranked, page.error);
        return;
      }
      const isOther = !isSameOrder(page, this.#shown);
      if (this.#isChoosing && isOther) {
        this.#held = page;
        this.#showState();
      } else this.#show(page);
    }

    #show(page: SiteResults | undefined): void {
      const view = this.#view!;
      const results = page?.results ?? [];
      const wasPartial = this.#shown?.partial;
      this.#shown = page;
      this.#held = undefined;
      // The selection stays where only excerpts or scores changed.
      if (!this.#isChoosing) {
        this.#selected = -1;
        view.showResults(results);
      } else if (wasPartial) view.fillResults(results);
      view.setText(".nothing", page?.missing.length ? this.#texts.missing : "");
      this.#showState();
    }

    /** Says what there is: once how many results, and once that they were reranked. */
    #announce({ stage, results, error }: SiteResults): void {
      if (error) return;
      const { count, nothing, reranked, first, showReranked } = this.#texts;
      const best = fill(first, { title: results[0] ? titleOf(results[0]) : "" });
      const order = this.#held ? showReranked : `${reranked}. ${best}`;
      this.#view!.setText("[role=status]", stage === "reranked" ? order : fill(count, { n: results.length }));
      if (results.length === 0) this.#view!.setText(".nothing", fill(nothing, { query: this.#query }));
    }

    #fail(what: string, error: unknown): void {
      // Where no model is installed, nothing is meant to rerank.
      if (error instanceof CrossrankError && error.code === "model-not-installed") {
        this.#reranking = "none";
      } else this.#view!.setText(".failure", `${what} ${toError(error).message}`);
      this.#showState();
    }

    #showState(): void {
      const view = this.#view!;
      const held = this.#held;
      const savesData = this.#reranking === "saves-data";
      const show = () => {
        this.#isChoosing = false;
        this.#show(held);
        view.input.focus();
      };
      view.foot.hidden = this.#reranking === "none";
      view.rerank.disabled = savesData;
      view.rerank.checked = !savesData && this.#wantsReranking;
      const isReranked = this.#shown?.stage === "reranked" && view.rerank.checked;
      const { reranked, showReranked, savesData: off } = this.#texts;
      const button = held && make("button", { type: "button", onclick: show }, showReranked);
      view.find(".state").replaceChildren(button ?? (savesData ? off : isReranked ? reranked : ""));
    }

    #showProgress({ loaded, total }: Progress): void {
      if (!this.#view || this.#held) return;
      const state = this.#view.find(".state");
      if (total !== undefined && loaded >= total) {
        this.#showState();
        return;
      }
      let bar = state.querySelector("progress");
      if (!bar) {
        bar = make("progress", { ariaLabel: this.#texts.loading });
        state.replaceChildren(this.#texts.loading, bar);
      }
      if (total !== undefined) Object.assign(bar, { max: total, value: loaded });
    }

    #onKey(event: KeyboardEvent): void {
      const view = this.#view!;
      const { options } = view;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.isComposing || options.length === 0) return;
      if (step) {
        this.#isChoosing = true;
        const from = this.#selected < 0 && step < 0 ? 0 : this.#selected;
        this.#selected = (from + step + options.length) % options.length;
        view.select(this.#selected);
      } else if (event.key === "Enter") {
        options[Math.max(this.#selected, 0)]!.click();
      } else return;
      event.preventDefault();
    }

    /** The link is followed, unless the page does that by itself. A new tab leaves the search open. */
    #follow(event: MouseEvent): void {
      const option = (event.target as Element).closest<HTMLAnchorElement>("a");
      if (!option || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const result = this.#shown!.results.find(({ url }) => url === option.href)!;
      const detail: SearchSelection = { url: option.href, result };
      const selection = new CustomEvent("crossrank-select", {
        detail,
        bubbles: true,
        cancelable: true,
        composed: true,
      });
      if (!this.dispatchEvent(selection)) event.preventDefault();
      this.close();
    }

    #end(): void {
      this.#searches += 1;
      // The next opening goes on with the query.
      this.#query = "";
      this.#view!.setText("[role=status]", "");
    }
  };
}

/** Whether both have the same results in the same order. Partial ones may lack the anchors of their sections. */
function isSameOrder({ results }: SiteResults, shown: SiteResults | undefined): boolean {
  const others = shown?.results ?? [];
  const placeOf = ({ url }: SiteResult) => (shown?.partial ? url.split("#")[0] : url);
  return (
    results.length === others.length && results.every((result, i) => placeOf(result) === placeOf(others[i]!))
  );
}

const titleOf = ({ title, section }: SiteResult) => [title, section].filter(Boolean).join(", ");

/** Browsers may refuse pages a storage. */
function readSetting(): string | null {
  try {
    return localStorage.getItem(SETTING);
  } catch {
    return null;
  }
}

function writeSetting(value: string): void {
  try {
    localStorage.setItem(SETTING, value);
  } catch {}
}

// <crossrank-results query="what is a vector database" top-k="3"> puts those of its children first that
// answer the query, and hides the others. Without a query, all are shown in their own order.

import { rerank } from "crossrank";
import { rerankHits } from "crossrank/hits";

export class CrossrankResults extends HTMLElement {
  static observedAttributes = ["query", "top-k"];

  /** What ranks. The default is the bundled model, which the first query loads. */
  reranker = { rerank };
  /** The children in their own order. */
  #children = [];
  #controller;
  /** The parser may add children after the element, and so may the page. */
  #observer = new MutationObserver(() => void this.update());

  connectedCallback() {
    this.#observer.observe(this, { childList: true });
    void this.update();
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.#controller?.abort();
  }

  attributeChangedCallback() {
    if (this.isConnected) void this.update();
  }

  /**
   * Ranks the children. It is called when they, the query or `top-k` change. The event `ranked`, with the
   * ranking as `detail`, or `error` tells the result. A later call ends the one before, without an event.
   */
  async update() {
    this.#controller?.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    const present = [...this.children];
    const known = this.#children.filter((child) => present.includes(child));
    this.#children = [...known, ...present.filter((child) => !known.includes(child))];
    const query = this.getAttribute("query") ?? "";
    if (query.trim() === "" || present.length === 0) return this.#show(this.#children);
    this.setAttribute("aria-busy", "true");
    try {
      const ranking = await rerankHits(this.reranker, query, this.#children, {
        text: (child) => child.textContent.trim(),
        topK: this.hasAttribute("top-k") ? Number(this.getAttribute("top-k")) : undefined,
        signal,
      });
      if (signal.aborted) return;
      this.#show(ranking.results.map(({ hit }) => hit));
      this.dispatchEvent(new CustomEvent("ranked", { detail: ranking }));
    } catch (error) {
      if (signal.aborted) return;
      this.#show(this.#children);
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    }
  }

  #show(best) {
    this.removeAttribute("aria-busy");
    for (const child of this.#children) child.hidden = !best.includes(child);
    this.append(...best, ...this.#children.filter((child) => child.hidden));
    // These moves are no reason to rank again.
    this.#observer.takeRecords();
  }
}

customElements.define("crossrank-results", CrossrankResults);

// The playground's behaviour: loads the model at the first input, and scores the documents as they change.

import { computed, reactive, ref, shallowRef } from "vue";
import { documentsIn } from "./state.js";

/** How long after the last key the documents are scored. */
const TYPING_PAUSE_MS = 120;

/** Reactive values for the view, and what it calls. `state` is that of state.js. */
export function usePlayground(state) {
  const ranking = shallowRef();
  const progress = ref();
  const failure = ref("");
  const isScoring = ref(false);
  const isStarted = ref(false);
  /** Times in milliseconds, and what computed. */
  const facts = reactive({ load: undefined, score: undefined, count: 0, cached: 0, info: undefined });

  let current = { key: undefined, reranker: undefined, giveUp: () => {} };
  let files = [];
  let changes = 0;
  let waiting;

  const documents = computed(() => documentsIn(state));

  /** The documents in the order in which they are shown, each with its result if that is known. */
  const items = computed(() => {
    const results = state.query.trim() ? (ranking.value?.results ?? []) : [];
    const byText = new Map(results.map((result) => [result.document, result]));
    const byIndex = new Map(results.map((result) => [result.index, result]));
    const shown = documents.value.map((text, index) => {
      const result = byText.get(text);
      // A document that is being written stays where it was.
      const { logit = -Infinity } = result ?? byIndex.get(index) ?? {};
      return { text, index, result, logit };
    });
    return shown.sort((a, b) => b.logit - a.logit || a.index - b.index);
  });

  /** Scores the documents after a pause. The first call loads the model. */
  function change(pause = TYPING_PAUSE_MS) {
    isStarted.value = true;
    clearTimeout(waiting);
    waiting = setTimeout(run, pause);
  }

  async function run() {
    const number = ++changes;
    const isLast = () => number === changes;
    const query = state.query.trim();
    const texts = documents.value;
    failure.value = "";
    try {
      const reranker = await currentModel();
      if (!isLast()) return;
      if (!query || texts.length === 0) {
        ranking.value = undefined;
        return;
      }
      isScoring.value = true;
      const before = await reranker.info();
      const start = performance.now();
      const found = await reranker.rerank(query, texts, undefined, { latest: "playground" });
      const score = performance.now() - start;
      const info = await reranker.info();
      if (!isLast()) return;
      ranking.value = found;
      const cached = info.cache && before.cache ? info.cache.hits - before.cache.hits : 0;
      Object.assign(facts, { score, count: texts.length, cached, info });
    } catch (error) {
      if (!isLast() || error.name === "AbortError") return;
      ranking.value = undefined;
      failure.value = error.message;
    } finally {
      if (isLast()) isScoring.value = false;
    }
  }

  /** The model that the state names. The one before it is given up. */
  function currentModel() {
    const { model, name, device, threads } = state;
    const key = JSON.stringify([model, name, device, threads]);
    if (key === current.key) return current.reranker;
    current.giveUp();
    const controller = new AbortController();
    const { signal } = controller;
    const start = performance.now();
    progress.value = { loaded: 0 };
    const onProgress = (step) => signal.aborted || (progress.value = step);
    // VitePress loads with a page what its scripts import, but not what those import.
    const loaded = import("./models.js").then(({ loadModel }) =>
      loadModel({ model, name, device, threads }, files, { onProgress, signal }),
    );
    const giveUp = () => {
      controller.abort();
      loaded.then(
        ({ reranker, isShared }) => isShared || reranker.dispose(),
        () => {},
      );
    };
    const reranker = loaded
      .then(({ reranker }) => {
        facts.load = performance.now() - start;
        return reranker;
      })
      .catch((error) => {
        if (!signal.aborted) current = { ...current, key: undefined };
        throw error;
      })
      .finally(() => signal.aborted || (progress.value = undefined));
    current = { key, reranker, giveUp };
    return reranker;
  }

  /** Takes the files of a local model. */
  function setFiles(list) {
    files = [...list];
    current.key = undefined;
    change(0);
  }

  function stop() {
    clearTimeout(waiting);
    changes++;
    current.giveUp();
  }

  return { documents, items, progress, failure, isScoring, isStarted, facts, change, setFiles, stop };
}

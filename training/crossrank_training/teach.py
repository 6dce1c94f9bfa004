"""Training lists from a pool: candidates for every query, and what the bi-encoders think of them."""

import random
import re
from pathlib import Path

import bm25s
import numpy as np
import Stemmer

from . import files
from .teachers import TEACHERS, embedded

# By how many standard deviations a known answer stands above its best rival: how far its source can be trusted.
TRUST = {
    "nq": 0.75, "squad": 0.75, "nqg": 0.75, "selqa": 0.75, "scitldr": 0.8, "pubmedqa": 0.7, "os-term": 0.35,
    "medquad": 0.35, "os-head": 0.25, "tldr": 0.5, "react": 0.25, "powershell": 0.25, "wsl": 0.25, "digitalgov": 0.25,
}
# The maximum number of lists of a source.
MAX_LISTS = {"os-open": 1500, "os-term": 4000, "os-head": 1500, "os-question": 2500, "tldr": 2000, "nqg": 1000}
# A query without a known answer is used only where the pool seems to hold one.
MIN_COSINE = 0.66
# The cosine of bge that stands for a relevance of one half, and how steeply it rises there.
HALF_RELEVANT, STEEPNESS = 0.70, 22.0
FEEDBACK = 0.5
BM25_SHARE = 0.2


class Pool:
    """Passages with their vectors and a BM25 index. Texts of the development sets and single sentences stay out."""

    def __init__(self, folder: Path, models: Path, vectors: Path):
        records = list(files.read_lines(folder / "passages.jsonl.gz"))
        kept = [r for r in records if not r["source"].startswith("dev-") and r["source"] != "sentence"]
        self.ids = [record["id"] for record in kept]
        self.place = {id: place for place, id in enumerate(self.ids)}
        texts = [record["text"] for record in kept]
        self.words = np.array([len(text.split()) for text in texts])
        self.vectors = {n: embedded(n, texts, "passage", models, vectors).astype(np.float32) for n in TEACHERS}
        self.stemmer = Stemmer.Stemmer("english")
        self.index = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
        self.index.index(self._tokens(texts), show_progress=False)

    def _tokens(self, texts: list[str]) -> list[list[str]]:
        return bm25s.tokenize(
            texts, stopwords="en", stemmer=self.stemmer, show_progress=False, return_ids=False
        )

    def bm25(self, query: str) -> np.ndarray:
        """BM25 of all passages, or zeros where no word of the query is known."""
        tokens = self._tokens([query])[0]
        if not tokens:
            return np.zeros(len(self.ids), np.float32)
        return self.index.get_scores(tokens)


def best(scores: np.ndarray, count: int) -> list[int]:
    """The places of the highest scores, best first."""
    top = np.argpartition(-scores, min(count, len(scores) - 1))[:count]
    return top[np.argsort(-scores[top], kind="stable")].tolist()


def plain(query: str) -> str:
    """A query without the marks of its data set."""
    query = re.sub(r"^What (is|are) \((are|is)\)", r"What \1", query)
    return " ".join(re.sub(r" ([?,])", r"\1", query).split())


def candidates(by_vectors: list[int], by_words: list[int], answers: list[int], rng: random.Random) -> list[int]:
    """Places of nine or so passages, a known answer first: some that both searches rank high, some further down."""
    chosen = rng.sample(answers, min(1, len(answers)))
    used = set(answers)
    for ranking, first, last, count in (
        (by_vectors, 0, 3, 1), (by_vectors, 3, 15, 2), (by_words, 0, 15, 2), (by_words, 15, 70, 2),
        (by_vectors, 15, 60, 2),
    ):
        for place in rng.sample(ranking[first:last], len(ranking[first:last])):
            if count and place not in used:
                used.add(place)
                chosen.append(place)
                count -= 1
    return chosen


def lists(pool: Pool, queries: list[dict], vectors: dict[str, np.ndarray], rng: random.Random):
    """Training lists for the queries that the pool seems to answer."""
    made: dict[str, int] = {}
    for number in rng.sample(range(len(queries)), len(queries)):
        source, query = queries[number]["source"], plain(queries[number]["query"])
        if made.get(source, 0) >= MAX_LISTS.get(source, len(queries)):
            continue
        answers = [pool.place[id] for id in queries[number]["passages"] if id in pool.place]
        words = pool.bm25(query)
        by_words = [place for place in best(words, 70) if words[place] > 0]
        if len(by_words) < 12:
            continue
        cosines = {name: pool.vectors[name] @ vectors[name][number] for name in TEACHERS}
        by_vectors = best(sum(cosines[name] / teacher.deviation for name, teacher in TEACHERS.items()), 60)
        if not answers and cosines["bge"][by_vectors[0]] < MIN_COSINE:
            continue
        chosen = candidates(by_vectors, by_words, answers, rng)
        target = BM25_SHARE * (words[chosen] / (1.6 * words[by_words].std() + 1e-6)).clip(0, 6)
        for name, teacher in TEACHERS.items():
            # The query moves towards its nearest passages.
            moved = vectors[name][number] + FEEDBACK * pool.vectors[name][best(cosines[name], 5)].mean(0)
            moved = moved / np.linalg.norm(moved)
            target = target + pool.vectors[name][chosen] @ moved / teacher.deviation / len(TEACHERS)
        target = target - target.max()
        label = 1 / (1 + np.exp(-(cosines["bge"][chosen] - HALF_RELEVANT) * STEEPNESS))
        if answers:
            target[0] = max(target[0], target[1:].max() - 0.1) + TRUST[source]
            label[1:] = label[1:].clip(0, 0.8)
            label[0] = max(label[0], 0.93)
        made[source] = made.get(source, 0) + 1
        yield {
            "source": source, "query": query, "passages": [pool.ids[place] for place in chosen],
            "target": [round(float(x), 3) for x in target],
            "label": [round(float(x), 3) for x in label.clip(0.01, 0.97)],
        }


def build(folder: Path, models: Path, into: Path, vectors: Path, seed: int = 5) -> None:
    """Writes the data folder of a pool: its passages, and the lists made from them."""
    rng = random.Random(seed)
    pool = Pool(folder, models, vectors)
    queries = [q for q in files.read_lines(folder / "queries.jsonl.gz") if not q["source"].startswith("dev-")]
    texts = [plain(query["query"]) for query in queries]
    asked = {name: embedded(name, texts, "query", models, vectors).astype(np.float32) for name in TEACHERS}
    made = list(lists(pool, queries, asked, rng))
    into.mkdir(parents=True, exist_ok=True)
    files.write_lines(into / "passages.jsonl.gz", files.read_lines(folder / "passages.jsonl.gz"))
    files.write_lines(into / "lists.jsonl.gz", made)
    print(f"{len(made)} lists", flush=True)

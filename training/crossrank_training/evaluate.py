"""Development sets: nDCG@10, odd texts, and how far a score can be read as a probability."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from .files import read_lines
from .model import CrossEncoder
from .odd_texts import odd_text
from .pairs import Pair, join, logits_of, tokens_of


@dataclass
class DevelopmentList:
    """One query of a set with its candidates. `odd` of them are odd texts, which stand behind the relevant passages."""

    name: str
    pairs: list[Pair]
    grades: list[int]
    judged: list[int]
    odd: int = 0


def read_sets(folder: Path, tokenizer: Tokenizer) -> list[DevelopmentList]:
    """Every list of every set in a folder, then two made ones: long documents and lists with odd texts."""
    lists = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        records = list(read_lines(path))
        for record in records:
            lists.append(_list(name, record, tokenizer))
        if name in ("squad", "medquad"):
            rng = random.Random(name)
            others = [text for record in records for text in record["passages"]]
            for record in records:
                long = [_bury(text, others, rng) for text in record["passages"]]
                lists.append(_list(f"{name}-long", {**record, "passages": long}, tokenizer))
                odd = tuple(odd_text(record["query"], rng)[0] for _ in range(10))
                lists.append(_list("odd", _relevant(record), tokenizer, odd))
    if not lists:
        raise SystemExit(f"{folder} holds no development set")
    return lists


def _list(name: str, record: dict, tokenizer: Tokenizer, odd: tuple[str, ...] = ()) -> DevelopmentList:
    query, *passages = tokens_of(tokenizer, [record["query"], *record["passages"], *odd])
    grades = record["grades"] + [0] * len(odd)
    return DevelopmentList(name, [join(query, passage) for passage in passages], grades, record["judged"], len(odd))


def _relevant(record: dict) -> dict:
    """The record with nothing but its relevant passages."""
    kept = [(text, grade) for text, grade in zip(record["passages"], record["grades"], strict=True) if grade > 0]
    return {**record, "passages": [text for text, _ in kept], "grades": [grade for _, grade in kept]}


def _bury(text: str, others: list[str], rng: random.Random) -> str:
    """The text between whole others, about 330 words in all, itself never cut off."""
    before, after = [], []
    words = len(text.split())
    while words < 300:
        other = rng.choice(others)
        words += len(other.split())
        if words > 340:
            break
        (before if rng.random() < 0.5 else after).append(other)
    return " ".join([*before, text, *after])


def score(model: CrossEncoder, lists: list[DevelopmentList], between=lambda: None) -> list[np.ndarray]:
    """The logits of every list. `between` is called before each."""
    scores = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for each in lists:
            between()
            scores.append(logits_of(model, each.pairs).numpy())
    return scores


def ndcg(ranked: list[int], judged: list[int], depth: int = 10) -> float:
    """nDCG with linear gain against the best order of all judged grades."""

    def gain(grades: list[int]) -> float:
        return sum(grade / math.log2(rank + 2) for rank, grade in enumerate(grades[:depth]))

    best = gain(sorted(judged, reverse=True))
    return gain(ranked) / best if best > 0 else 0.0


def summarize(lists: list[DevelopmentList], scores: list[np.ndarray]) -> dict[str, float]:
    """nDCG@10 of each set and their mean.

    For odd texts, the share of lists with one above a relevant passage, and the share of texts with a score over 0.2.
    """
    figures: dict[str, list[float]] = {}
    for each, logits in zip(lists, scores):
        if each.odd:
            relevant, odd = np.split(logits, [-each.odd])
            figures.setdefault("odd-above-relevant", []).append(float(odd.max() > relevant.max()))
            figures.setdefault("odd-over-0.2", []).append(float((odd > math.log(0.2 / 0.8)).mean()))
            continue
        order = np.argsort(-logits, kind="stable")
        figures.setdefault(each.name, []).append(ndcg([each.grades[index] for index in order], each.judged))
    result = {name: round(float(np.mean(values)), 4) for name, values in figures.items()}
    sets = [value for name, value in result.items() if not name.startswith("odd-")]
    result["mean"] = round(float(np.mean(sets)), 4)
    return result

"""Training lists: a query, its candidates, and the teacher's opinion of each, varied anew at every pass."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .files import read_lines
from .odd_texts import odd_text
from .pairs import Pair, join, tokens_of
from .queries import vary

# Targets are in standard deviations of the teacher's score. Beyond this, "worse" teaches nothing.
LOWEST_TARGET = -6.0
# Longest pair of a list, in tokens, and the share of lists that are drawn with it.
LIMITS, SHARES = (192, 320, 512), (0.6, 0.25, 0.15)


@dataclass
class TrainingList:
    """The pairs of one list, the teacher's scores and the soft labels."""

    pairs: list[Pair]
    target: np.ndarray
    label: np.ndarray

    @property
    def tokens(self) -> int:
        return sum(len(ids) for ids, _ in self.pairs)


class Lists:
    """The lists of one or more data folders. Which list stands where, and how it is varied, follows from the seed."""

    def __init__(self, folders: list[Path], tokenizer: Tokenizer, seed: int):
        self.tokenizer = tokenizer
        self.seed = seed
        self.passages: list[np.ndarray] = []
        self.sources: list[str] = []
        self.lists: list[tuple[str, list[int], np.ndarray, np.ndarray]] = []
        fingerprint = hashlib.sha256()
        for folder in folders:
            self._read(folder)
            for name in ("passages.jsonl.gz", "lists.jsonl.gz"):
                fingerprint.update(hashlib.sha256((folder / name).read_bytes()).digest())
        self.fingerprint = fingerprint.hexdigest()
        self._order: tuple[int, list[int]] = (-1, [])

    def _read(self, folder: Path) -> None:
        first = len(self.passages)
        texts = []
        for at, record in enumerate(read_lines(folder / "passages.jsonl.gz")):
            assert record["id"] == at, f"{folder}: passages are not numbered in their order"
            texts.append(record["text"])
            self.sources.append(record["source"])
        for at in range(0, len(texts), 4096):
            for ids in tokens_of(self.tokenizer, texts[at : at + 4096]):
                self.passages.append(np.array(ids[:512], np.uint16))
        for record in read_lines(folder / "lists.jsonl.gz"):
            members = [first + id for id in record["passages"]]
            if any(self.sources[id].startswith("dev-") for id in members):
                raise ValueError(f"a list of {folder} holds a passage of the development sets")
            target = np.array(record["target"], np.float32).clip(LOWEST_TARGET)
            self.lists.append((record["query"], members, target, np.array(record["label"], np.float32)))

    def __len__(self) -> int:
        return len(self.lists)

    def at(self, position: int) -> TrainingList:
        """The list at a position of the endless sequence of shuffled passes over the data."""
        epoch, place = divmod(position, len(self.lists))
        if self._order[0] != epoch:
            order = list(range(len(self.lists)))
            random.Random(f"{self.seed} order {epoch}").shuffle(order)
            self._order = (epoch, order)
        return self._vary(self.lists[self._order[1][place]], random.Random(f"{self.seed} list {position}"))

    def _vary(self, entry, rng: random.Random) -> TrainingList:
        query, members, target, label = entry
        limit = rng.choices(LIMITS, SHARES)[0]
        passages = [self._lengthen(id, members, limit, rng) for id in members]
        texts = [vary(query, rng)]
        while rng.random() < 0.35 and len(texts) < 4:
            text, hard = odd_text(query, rng)
            target = np.append(target, max(target.min(), LOWEST_TARGET) - (0.3 if hard else 1.0))
            label = np.append(label, 0.03 if hard else 0.01)
            texts.append(text)
        if rng.random() < 0.06:
            # The query itself, or a near duplicate, asks and does not answer.
            texts.append(vary(query, rng))
            target = np.append(target, np.median(target) - 0.5)
            label = np.append(label, 0.1)
        ids, *odd = tokens_of(self.tokenizer, texts)
        pairs = [join(ids, passage, limit) for passage in [*passages, *odd]]
        return TrainingList(pairs, target.astype(np.float32), label.astype(np.float32))

    def _lengthen(self, id: int, members: list[int], limit: int, rng: random.Random) -> list[int]:
        """The tokens of a passage, in longer lists often amid neighbours of the same source."""
        passage = self.passages[id].tolist()
        if limit == LIMITS[0] or self.sources[id] == "sentence" or rng.random() < 0.35:
            return passage
        wanted = rng.randint(min(len(passage), limit), limit)
        before, after, above, below = [], [], id - 1, id + 1
        while len(before) + len(passage) + len(after) < wanted:
            at = above if rng.random() < 0.5 else below
            above, below = (above - 1, below) if at == above else (above, below + 1)
            if not (0 <= at < len(self.passages)) or self.sources[at] != self.sources[id] or at in members:
                break
            if at < id:
                before = self.passages[at].tolist() + before
            else:
                after = after + self.passages[at].tolist()
        # Of what stands before, only so much that the passage itself is not cut off.
        room = max(0, limit - 40 - len(passage))
        return before[max(0, len(before) - room) :] + passage + after

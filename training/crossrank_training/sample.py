"""Pairs to which the weights of the shipped file are fitted, chosen from the training lists."""

import json
from pathlib import Path

from .files import read_lines, write_whole

PAIRS = 1440


def write_sample(data: Path, path: Path, count: int = PAIRS) -> None:
    """Writes `count` pairs as JSON lines: one of each chosen list, relevant and irrelevant passages in turn."""
    texts = [record["text"] for record in read_lines(data / "passages.jsonl.gz")]
    lists = list(read_lines(data / "lists.jsonl.gz"))
    count = min(count, len(lists))
    pairs = []
    for number in range(count):
        chosen = lists[number * len(lists) // count]
        passage = chosen["passages"][number % len(chosen["passages"])]
        pairs.append({"query": chosen["query"], "document": texts[passage]})
    lines = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    write_whole(path, lambda temporary: temporary.write_text(lines, encoding="utf-8"))

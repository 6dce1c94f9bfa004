"""A further round of teaching: the student's own averaged weights have a say beside the bi-encoders."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from . import files
from .loss import LOGITS_PER_DEVIATION
from .model import CrossEncoder
from .pairs import join, logits_of, tokens_of

BLOCK = 1000


def build(student: CrossEncoder, tokenizer: Tokenizer, folder: Path, into: Path, share: float = 0.3) -> None:
    """Writes `folder` anew with targets of which the student gives `share`. It goes on where it was ended."""
    texts = [record["text"] for record in files.read_lines(folder / "passages.jsonl.gz")]
    lists = list(files.read_lines(folder / "lists.jsonl.gz"))
    weights = hashlib.sha256(student.classifier.weight.detach().numpy().tobytes()).hexdigest()[:16]
    parts = into.with_name(f"{into.name}-{weights}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(lists), BLOCK):
        path = parts / f"{first}.json"
        if not path.exists():
            text = json.dumps([_scores(student, tokenizer, each, texts) for each in lists[first : first + BLOCK]])
            files.write_whole(path, lambda temporary, text=text: temporary.write_text(text))
            print(f"{min(first + BLOCK, len(lists))} of {len(lists)} lists", flush=True)
        for each, scores in zip(lists[first : first + BLOCK], json.loads(path.read_text())):
            own = np.array(scores) / LOGITS_PER_DEVIATION
            mixed = (1 - share) * np.array(each["target"]) + share * (own - own.max())
            each["target"] = [round(float(x), 3) for x in mixed - mixed.max()]
    into.mkdir(parents=True, exist_ok=True)
    files.write_lines(into / "passages.jsonl.gz", files.read_lines(folder / "passages.jsonl.gz"))
    files.write_lines(into / "lists.jsonl.gz", lists)


def _scores(student: CrossEncoder, tokenizer: Tokenizer, each: dict, texts: list[str]) -> list[float]:
    query, *passages = tokens_of(tokenizer, [each["query"], *(texts[id] for id in each["passages"])])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = logits_of(student, [join(query, passage) for passage in passages])
    return [round(float(x), 3) for x in logits]

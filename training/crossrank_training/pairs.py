"""Pairs of a query and a passage as token ids, and their logits in padded batches of similar length."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from .model import CrossEncoder

CLS, SEP = 101, 102
MAX_TOKENS = 512
MAX_QUERY_TOKENS = 96

Pair = tuple[list[int], list[int]]


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads tokenizer.json and turns truncation and padding off."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokens_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids of each text, without special tokens."""
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def join(query: list[int], passage: list[int], limit: int = MAX_TOKENS) -> Pair:
    """Ids and type ids of a pair. A long query is cut first, then the passage, to at most `limit` tokens."""
    query = query[:MAX_QUERY_TOKENS]
    passage = passage[: limit - len(query) - 3]
    ids = [CLS, *query, SEP, *passage, SEP]
    return ids, [0] * (len(query) + 2) + [1] * (len(passage) + 1)


def batches_of(pairs: list[Pair], tokens: int) -> list[list[int]]:
    """Indices of pairs in batches of at most `tokens` tokens, padding included, and of similar length."""
    batches: list[list[int]] = []
    for index in sorted(range(len(pairs)), key=lambda index: len(pairs[index][0])):
        length = len(pairs[index][0])
        if batches:
            batch = batches[-1]
            shortest = len(pairs[batch[0]][0])
            if (len(batch) + 1) * length <= tokens and length <= 1.2 * shortest + 8:
                batch.append(index)
                continue
        batches.append([index])
    return batches


def logits_of(model: CrossEncoder, pairs: list[Pair], tokens: int = 2500) -> Tensor:
    """Logits of all pairs, in their order."""
    batches = batches_of(pairs, tokens)
    parts = []
    for batch in batches:
        longest = len(pairs[batch[-1]][0])
        ids = np.zeros((len(batch), longest), np.int64)
        types = np.zeros_like(ids)
        present = np.zeros(ids.shape, bool)
        for row, index in enumerate(batch):
            length = len(pairs[index][0])
            ids[row, :length], types[row, :length] = pairs[index]
            present[row, :length] = True
        parts.append(model(*(torch.from_numpy(array) for array in (ids, types, present))).float())
    order = torch.tensor([index for batch in batches for index in batch])
    return torch.cat(parts)[order.argsort()]

"""The bi-encoders that teach: vectors of queries and passages from two int8 ONNX models."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from . import files
from .pairs import CLS, SEP, batches_of, load_tokenizer, tokens_of


@dataclass(frozen=True)
class Teacher:
    """How a model wants its texts, and how far its cosines spread among the BM25 results for a query."""

    file: str
    query_prefix: str
    passage_prefix: str
    pooling: str
    deviation: float


TEACHERS = {
    "bge": Teacher(
        "bge-small-en-v1.5-q", "Represent this sentence for searching relevant passages: ", "", "first", 0.0633
    ),
    "e5": Teacher("e5-small-v2-q", "query: ", "passage: ", "mean", 0.0248),
}


class BiEncoder:
    """A teacher, ready to embed."""

    def __init__(self, name: str, folder: Path):
        self.teacher = TEACHERS[name]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = folder / f"{self.teacher.file}.onnx"
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = {value.name for value in self.session.get_inputs()}
        self.tokenizer = load_tokenizer(folder / f"{self.teacher.file}-tokenizer.json")

    def embed(self, texts: list[str], kind: str, limit: int = 256) -> np.ndarray:
        """Vectors of length one, f16, of shape [texts, width]. `kind` is "query" or "passage"."""
        prefix = self.teacher.query_prefix if kind == "query" else self.teacher.passage_prefix
        sequences = [[CLS, *ids[: limit - 2], SEP] for ids in tokens_of(self.tokenizer, [prefix + t for t in texts])]
        vectors = np.zeros((len(texts), 0), np.float16)
        for batch in batches_of([(ids, []) for ids in sequences], 3000):
            longest = len(sequences[batch[-1]])
            ids = np.zeros((len(batch), longest), np.int64)
            present = np.zeros_like(ids)
            for row, index in enumerate(batch):
                ids[row, : len(sequences[index])] = sequences[index]
                present[row, : len(sequences[index])] = 1
            feed = {"input_ids": ids, "attention_mask": present, "token_type_ids": np.zeros_like(ids)}
            states = self.session.run(None, {name: value for name, value in feed.items() if name in self.inputs})[0]
            if self.teacher.pooling == "first":
                pooled = states[:, 0]
            else:
                pooled = (states * present[..., None]).sum(1) / present.sum(1, keepdims=True)
            if not vectors.shape[1]:
                vectors = np.zeros((len(texts), pooled.shape[1]), np.float16)
            vectors[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors


def embedded(name: str, texts: list[str], kind: str, models: Path, folder: Path, block: int = 2048) -> np.ndarray:
    """Vectors of all texts, kept in `folder` a block at a time, so that a stage that was ended goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, parts = None, []
    for first in range(0, len(texts), block):
        part = texts[first : first + block]
        content = hashlib.sha256("\0".join(part).encode()).hexdigest()[:16]
        path = folder / f"{name}-{kind}-{content}.npy"
        if not path.exists():
            encoder = encoder or BiEncoder(name, models)
            vectors = encoder.embed(part, kind)
            files.write_whole(path, lambda temporary, vectors=vectors: _save(temporary, vectors))
            print(f"{name}: {min(first + block, len(texts))} of {len(texts)} {kind} texts", flush=True)
        parts.append(np.load(path))
    return np.concatenate(parts)


def _save(path: Path, vectors: np.ndarray) -> None:
    # numpy adds a suffix to names, not to open files.
    with open(path, "wb") as file:
        np.save(file, vectors)

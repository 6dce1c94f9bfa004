"""The embedder: makes vectors of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from . import _native
from ._arguments import at_least_one
from ._model import Model, read, warn
from ._reranker import Truncation

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Embedder:
    """A loaded bi-encoder. Loading takes a moment: keep it, and share it between threads.

    Its calls release the GIL, Ctrl-C ends them, and a process that is forked can use it too.

    Args:
        model: A folder in the layout of sentence-transformers, or a name, as for
            :class:`~crossrank.Reranker`. Default: the bundled model ``all-minilm-l6-v2``.
        max_length: The maximum number of tokens in a text. Longer texts are truncated. Default: what the
            model's files say.
        num_threads: The number of threads that share a call. Default: one for each core. Vectors do not
            depend on it.
        query_prefix: The text in front of each query. Default: what the model's files say.
        document_prefix: The text in front of each document. Default: what the model's files say.
        keep_floats: As for :class:`~crossrank.Reranker`.

    Raises:
        InputError, AccessError, ModelError: As :class:`~crossrank.Reranker`.

    >>> embedder = Embedder()
    >>> documents = embedder.embed(["A fox sleeps by day.", "Tides follow the moon."])
    >>> documents.shape
    (2, 384)
    >>> int(np.argmax(documents @ embedder.embed_query("what causes tides")))
    1
    """

    def __init__(
        self,
        model: Model | None = None,
        *,
        max_length: int | None = None,
        num_threads: int | None = None,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        keep_floats: bool = False,
    ) -> None:
        at_least_one(max_length=max_length, num_threads=num_threads)
        self._native = _native.Embedder(
            read(model, "embed"),
            max_length=max_length,
            threads=num_threads,
            query_prefix=query_prefix,
            document_prefix=document_prefix,
            keep_floats=keep_floats,
        )
        warn(self.warning)

    def embed(
        self,
        texts: Iterable[str],
        *,
        kind: Literal["document", "query"] = "document",
        truncation: Truncation = "right",
        normalize: bool | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> NDArray[np.float32]:
        """The vectors of texts, in the order given: ``float32`` of shape ``(texts, dimensions)``.

        Args:
            texts: Any number of texts. They may be empty.
            kind: What the texts are, which decides the prefix.
            truncation: Which end of a longer text is cut, or ``"never"``: then it is an error.
            normalize: Divide vectors by their length. Default: what the model's files say.
            progress: Called with the number of texts so far, from other threads.

        Raises:
            InputError: A text is larger than 1 MiB.
        """
        vectors = self._native.embed(texts, kind, truncation, normalize, progress)
        return np.frombuffer(vectors, np.float32).reshape(-1, self.dimensions)

    def embed_query(self, query: str) -> NDArray[np.float32]:
        """The vector of a query, to compare with those of documents: ``float32`` of shape
        ``(dimensions,)``."""
        vector: NDArray[np.float32] = self.embed([query], kind="query")[0]
        return vector

    @property
    def dimensions(self) -> int:
        """The number of elements of a vector."""
        return self._native.dimensions

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a text, with special tokens and the prefix."""
        return self._native.max_length

    @property
    def normalizes(self) -> bool:
        """Whether vectors have length 1 if a call does not say. Their dot product is then the cosine."""
        return self._native.normalizes

    @property
    def fingerprint(self) -> str:
        """What distinguishes the vectors of this model from those of others, in hexadecimal."""
        return self._native.fingerprint

    @property
    def kernel(self) -> str | None:
        """The instruction set that computes, such as ``"avx2"``. ``None`` for general operators."""
        return self._native.kernel

    @property
    def warning(self) -> str | None:
        """Why the model runs slower than it could. ``None`` for a graph that is recognized."""
        return self._native.warning

"""The reranker: puts documents in order by how well they answer a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from . import _native
from ._arguments import at_least_one
from ._cache import ScoreCache
from ._cancellation import in_thread
from ._errors import exception
from ._model import Model, read, warn
from ._native import Cancellation

LongDocuments = Literal["truncate", "windows"]
Truncation = Literal["right", "left", "never"]


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document in a :class:`Ranking`."""

    index: int
    """The position of the document in the list that was given, from 0."""
    score: float
    """The relevance from 0 to 1: the sigmoid of ``logit``. NaN if the document was not scored, see
    :attr:`Ranking.partial`."""
    logit: float
    """The output of the model, unbounded. NaN if the document was not scored."""
    truncated: bool
    """Whether the document was cut to fit the model."""
    span: tuple[int, int] | None
    """The window of the document that has this score, if the document was split: the window is
    ``document[span[0]:span[1]]``. In characters."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A reranked list: highest logit first, equal logits in the order given."""

    results: list[RankedDocument]
    """The best documents, at most ``top_k``."""
    query_truncated: bool
    """Whether the query was cut in at least one pair."""
    partial: bool
    """Whether ``timeout`` passed before all documents were scored. The documents without a score follow
    the others in the order given, unless there is a ``min_score``."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a pair."""

    score: float
    """The relevance from 0 to 1: the sigmoid of ``logit``."""
    logit: float
    """The output of the model, unbounded."""
    truncated: bool
    """Whether the document was cut to fit the model."""
    query_truncated: bool
    """Whether the query was cut to fit the model."""
    tokens: int
    """The number of tokens that the model reads for the document, with the query."""
    span: tuple[int, int] | None
    """The best window in characters of the document, if it was split into windows."""


class Reranker:
    """A loaded cross-encoder. Loading takes a moment: keep it, and share it between threads.

    Its calls release the GIL, Ctrl-C ends them, and a process that is forked can use it too.

    Args:
        model: A folder in the Hugging Face layout, also as ``"FOLDER:GRAPH"``; a graph (``.onnx``) in
            such a folder; a prepared model; or a name, ``"NAME[@REVISION][:GRAPH]"``. A model with a name
            is read from the hub's cache, or downloaded if it is not there. The variables ``HF_ENDPOINT``,
            ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are heeded. Default: the
            bundled model ``minilm-l6-en``, in English.
        max_length: The maximum number of tokens in a pair. Longer documents are truncated. Default and
            upper bound: what the model reads.
        num_threads: The number of threads that share a call. Default: one for each core. Scores do not
            depend on it.
        cache: A cache of scores, which several rerankers may share. Default: none.
        long_documents: What happens to documents that are longer than the model reads well: they are
            split into ``"windows"``, of which the best one counts, or cut (``"truncate"``). Default: the
            model decides, and ``max_length`` means ``"truncate"``.
        keep_floats: Compute with the floats of weights in safetensors. Default: they are quantized to int8
            when the model is loaded, which is faster. ONNX graphs and prepared models compute with the
            weights that they hold.

    Raises:
        InputError: Options are out of range.
        AccessError: There is no such model, or it cannot be downloaded.
        ModelError: The model is damaged, or of a kind that crossrank does not run.

    >>> reranker = Reranker()
    >>> ranking = reranker.rerank("what causes tides", ["A fox sleeps.", "Tides follow the moon."], 1)
    >>> ranking.results[0].index
    1
    """

    def __init__(
        self,
        model: Model | None = None,
        *,
        max_length: int | None = None,
        num_threads: int | None = None,
        cache: ScoreCache | None = None,
        long_documents: LongDocuments | None = None,
        keep_floats: bool = False,
    ) -> None:
        at_least_one(max_length=max_length, num_threads=num_threads)
        self._native = _native.Reranker(
            read(model, "rerank"),
            max_length=max_length,
            threads=num_threads,
            cache=None if cache is None else cache._native,
            long_documents=long_documents,
            keep_floats=keep_floats,
        )
        warn(self.warning)

    def rerank(
        self,
        query: str,
        documents: Iterable[str],
        top_k: int | None = None,
        *,
        max_length: int | None = None,
        max_document_tokens: int | None = None,
        truncation: Truncation = "right",
        long_documents: LongDocuments | None = None,
        max_windows: int | None = None,
        min_score: float | None = None,
        timeout: float | None = None,
        skip_cache: bool = False,
        progress: Callable[[int], object] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Ranking:
        """Puts the documents that answer the query first.

        Args:
            query: What the documents should answer. Not empty.
            documents: The candidates, in any number.
            top_k: The maximum number of results, at least 1. Default: all.
            max_length: The maximum number of tokens in a pair. Longer documents are truncated.
            max_document_tokens: The maximum number of tokens of a document, before it is paired.
            truncation: Which end of a text is cut, or ``"never"``: then a longer text is an error.
            long_documents: ``"windows"`` or ``"truncate"``. Default: that of the reranker.
            max_windows: The maximum number of windows of a document. Default: 32.
            min_score: Leave out results with a lower score, from 0 to 1.
            timeout: Seconds after which the call returns with the scores that it has, see
                :attr:`Ranking.partial`.
            skip_cache: Compute every score, and leave the cache as it is.
            progress: Called with the number of documents scored so far, from other threads.
            cancellation: Its method ``cancel`` ends the call from another thread.

        Raises:
            InputError: The query is empty, a text is larger than 1 MiB, or an option is out of range.
            Cancelled: The call was cancelled.
        """
        at_least_one(
            top_k=top_k,
            max_length=max_length,
            max_document_tokens=max_document_tokens,
            max_windows=max_windows,
        )
        if timeout is not None and not timeout >= 0:
            raise exception("invalid-argument", f"timeout must be 0 or more seconds, not {timeout}")
        rows, query_truncated, partial = self._native.rerank(
            query,
            documents,
            {
                "top_k": top_k,
                "max_length": max_length,
                "max_document_tokens": max_document_tokens,
                "truncation": truncation,
                "long_documents": long_documents,
                "max_windows": max_windows,
                "min_score": min_score,
                "timeout": timeout,
                "skip_cache": skip_cache,
                "progress": progress,
                "cancellation": cancellation,
            },
        )
        return Ranking([RankedDocument(*row) for row in rows], query_truncated, partial)

    async def arerank(self, query: str, documents: Iterable[str], top_k: int | None = None) -> Ranking:
        """:meth:`rerank` on another thread, for event loops. Cancelling the task ends the call."""
        return await in_thread(
            lambda cancellation: self.rerank(query, documents, top_k, cancellation=cancellation)
        )

    def rerank_batch(
        self, queries: Sequence[str], candidates: Sequence[Iterable[str]], top_k: int | None = None
    ) -> list[Ranking]:
        """Reranks one list of candidates for each query.

        Raises:
            InputError: As :meth:`rerank`, and if there is not one list for each query.
        """
        if len(queries) != len(candidates):
            raise exception(
                "invalid-argument",
                f"there are {len(queries)} queries and {len(candidates)} lists of candidates; give one "
                "list for each query",
            )
        return [self.rerank(query, list_, top_k) for query, list_ in zip(queries, candidates)]

    def score(
        self,
        pairs: Iterable[Sequence[str]],
        *,
        max_length: int | None = None,
        max_document_tokens: int | None = None,
        truncation: Truncation = "right",
        long_documents: LongDocuments | None = None,
        max_windows: int | None = None,
        cancellation: Cancellation | None = None,
    ) -> list[Score]:
        """Scores pairs of a query and a document, in the order given. Texts may be empty. The cache is
        not used.

        Raises:
            InputError: A text is larger than 1 MiB, or an option is out of range.
            Cancelled: The call was cancelled.
        """
        at_least_one(max_length=max_length, max_document_tokens=max_document_tokens, max_windows=max_windows)
        rows = self._native.score(
            pairs,
            {
                "max_length": max_length,
                "max_document_tokens": max_document_tokens,
                "truncation": truncation,
                "long_documents": long_documents,
                "max_windows": max_windows,
                "cancellation": cancellation,
            },
        )
        return [Score(*row) for row in rows]

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a pair."""
        return self._native.max_length

    @property
    def revision(self) -> str | None:
        """The revision of the model's weights, if its ``config.json`` has one. Scores differ between
        revisions."""
        return self._native.revision

    @property
    def long_documents(self) -> LongDocuments:
        """What happens to long documents if a call does not say."""
        return self._native.long_documents

    @property
    def kernel(self) -> str | None:
        """The instruction set that computes, such as ``"avx2"``. ``None`` for general operators."""
        return self._native.kernel

    @property
    def warning(self) -> str | None:
        """Why the model runs slower than it could. ``None`` for a graph that is recognized."""
        return self._native.warning

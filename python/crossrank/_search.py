"""Searches an index file that ``crossrank index`` made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from . import _native
from ._arguments import at_least_one
from ._embedder import Embedder
from ._model import StrPath
from ._reranker import Reranker

Mode = Literal["text", "vector", "hybrid"]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A passage that a search found."""

    path: str
    """The file, as it was named to ``crossrank index``."""
    id: str | None
    """The id of the document if it is a record that has one."""
    line: int
    """The line of the file on which the passage begins, from 1. For a record, the record's line."""
    start: int
    """The first byte of the passage in the file's UTF-8. For a record, in its title, a space, and its text."""
    end: int
    """The byte after the last one of the passage, counted like ``start``."""
    title: str
    """The title of the document, or the headings above the passage; may be empty."""
    passage: str
    """The passage, in which each run of white space is one space."""
    score: float
    """The score that orders the results: the cross-encoder's, from 0 to 1, or without it the first stage's."""
    first_stage_score: float
    """The score in the mode of the search: BM25, a cosine, or fused reciprocal ranks."""
    text_score: float | None
    """The score by words, BM25."""
    vector_score: float | None
    """The cosine of the vectors."""


class Searcher:
    """An index file that is open for searches, with its models. Threads may share it, and a process that is
    forked opens the file again.

    Args:
        index: A file that ``crossrank index`` made.
        reranker: Puts the passages found in order. Default: the bundled model. ``None`` keeps the order in
            which they were found.
        embedder: The model that made the index's vectors. Default: the bundled model, if the index has vectors.

    Raises:
        InputError: The file is not an index, is damaged, or has vectors of another model.
        AccessError: There is no such file.
    """

    def __init__(
        self,
        index: StrPath,
        *,
        reranker: Reranker | Literal["bundled"] | None = "bundled",
        embedder: Embedder | None = None,
    ) -> None:
        self._index = os.path.abspath(index)
        self._embedder = embedder
        self._native = self._open()
        self._process = os.getpid()
        self._reranker = Reranker() if isinstance(reranker, str) else reranker

    def search(
        self, query: str, top_k: int = 10, *, recall: int = 100, mode: Mode | None = None
    ) -> list[SearchResult]:
        """Finds passages, and puts those first that answer the query.

        Args:
            query: What to look for. Not empty.
            top_k: The maximum number of results, at least 1.
            recall: The number of passages to rerank, at least 1.
            mode: By ``"text"``, by ``"vector"``, or both (``"hybrid"``). Default: hybrid if the index has
                vectors, else text.
        """
        at_least_one(top_k=top_k, recall=recall)
        if self._process != os.getpid():
            # A connection to SQLite must be neither used nor closed in another process than its own.
            _OF_PARENTS.append(self._native)
            self._native, self._process = self._open(), os.getpid()
        hits = self._native.search(query, mode, recall if self._reranker else top_k)
        order = [(i, hit[8]) for i, hit in enumerate(hits)]
        if self._reranker:
            ranking = self._reranker.rerank(query, [hit[7] for hit in hits], top_k)
            order = [(result.index, result.score) for result in ranking.results]
        return [_result(hits[i], score) for i, score in order]

    def _open(self) -> _native.Searcher:
        searcher = _native.Searcher(self._index)
        if not searcher.has_vectors and self._embedder is None:
            return searcher
        if self._embedder is None:
            self._embedder = Embedder()
        return _native.Searcher.with_embedder(self._index, self._embedder._native)


_OF_PARENTS: list[_native.Searcher] = []


def _result(hit: _native._Hit, score: float) -> SearchResult:
    return SearchResult(*hit[:7], score, *hit[8:])


def search(
    index: StrPath,
    query: str,
    top_k: int = 10,
    *,
    recall: int = 100,
    mode: Mode | None = None,
    reranker: Reranker | Literal["bundled"] | None = "bundled",
    embedder: Embedder | None = None,
) -> list[SearchResult]:
    """Searches an index file once. For several searches, keep a :class:`Searcher`: it loads the models once.

    The arguments are those of :class:`Searcher` and :meth:`Searcher.search`.
    """
    searcher = Searcher(index, reranker=reranker, embedder=embedder)
    return searcher.search(query, top_k, recall=recall, mode=mode)

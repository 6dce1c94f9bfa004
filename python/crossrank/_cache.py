"""The score cache: a pair that has been scored is not scored again."""

from __future__ import annotations

from dataclasses import dataclass

from . import _native
from ._arguments import at_least_one


@dataclass(frozen=True, slots=True)
class CacheStats:
    """The counts and the size of a :class:`ScoreCache`."""

    hits: int
    """The number of documents whose score was found."""
    misses: int
    """The number of documents whose score was not found."""
    entries: int
    """The number of scores in the cache."""
    bytes: int
    """The memory that the scores take, in bytes."""


class ScoreCache:
    """The most recently used scores of earlier calls, in bounded memory.

    It keeps no text. Several rerankers and threads may share it. A process that is forked has a copy of
    its own.

    Args:
        bytes: The maximum memory, in bytes; a score takes 176.

    >>> cache = ScoreCache(16 << 20)
    >>> reranker = Reranker(cache=cache)
    """

    def __init__(self, bytes: int) -> None:
        at_least_one(bytes=bytes)
        self._native = _native.ScoreCache(bytes)

    def stats(self) -> CacheStats:
        """The counts since the cache was made, and its present size."""
        return CacheStats(*self._native.stats())

    def clear(self) -> None:
        """Removes all scores. The counts stay."""
        self._native.clear()

    def save(self) -> bytes:
        """All scores, for a later :meth:`restore`."""
        return self._native.save()

    def restore(self, saved: bytes) -> None:
        """Adds the scores that :meth:`save` gave. Bytes of another version are ignored."""
        self._native.restore(saved)

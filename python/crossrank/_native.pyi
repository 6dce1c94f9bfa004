# The native part, which python/src makes.

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias, TypedDict, final

__all__ = [
    "Cancellation",
    "Embedder",
    "ModelFiles",
    "Reranker",
    "ScoreCache",
    "Searcher",
    "__version__",
    "is_bundled",
    "read_model",
]

__version__: str

_Span: TypeAlias = tuple[int, int] | None
# Index, score, logit, truncated, span.
_Row: TypeAlias = tuple[int, float, float, bool, _Span]
# Score, logit, truncated, query truncated, tokens, span.
_ScoreRow: TypeAlias = tuple[float, float, bool, bool, int, _Span]
# Path, id, line, start, end, title, passage, text, score, score by words, score by vectors.
_Hit: TypeAlias = tuple[str, str | None, int, int, int, str, str, str, float, float | None, float | None]

class _Required(TypedDict):
    truncation: str

class _Options(_Required, total=False):
    top_k: int | None
    max_length: int | None
    max_document_tokens: int | None
    long_documents: str | None
    max_windows: int | None
    min_score: float | None
    timeout: float | None
    skip_cache: bool
    progress: Callable[[int], object] | None
    cancellation: Cancellation | None

@final
class Cancellation:
    """Ends a call that runs on another thread."""

    def __new__(cls) -> Cancellation: ...
    def cancel(self) -> None:
        """Ends the calls that have this cancellation. They raise :class:`crossrank.Cancelled`."""

@final
class ModelFiles:
    @property
    def config(self) -> bytes: ...
    @property
    def embedding(self) -> dict[str, bytes]: ...

@final
class ScoreCache:
    def __new__(cls, bytes: int) -> ScoreCache: ...
    def stats(self) -> tuple[int, int, int, int]: ...
    def clear(self) -> None: ...
    def save(self) -> bytes: ...
    def restore(self, saved: bytes) -> None: ...

@final
class Reranker:
    def __new__(
        cls,
        files: ModelFiles,
        *,
        max_length: int | None,
        threads: int | None,
        cache: ScoreCache | None,
        long_documents: str | None,
        keep_floats: bool,
    ) -> Reranker: ...
    def rerank(
        self, query: str, documents: Iterable[str], options: _Options
    ) -> tuple[list[_Row], bool, bool]: ...
    def score(self, pairs: Iterable[Sequence[str]], options: _Options) -> list[_ScoreRow]: ...
    @property
    def max_length(self) -> int: ...
    @property
    def revision(self) -> str | None: ...
    @property
    def warning(self) -> str | None: ...
    @property
    def kernel(self) -> str | None: ...
    @property
    def long_documents(self) -> Literal["truncate", "windows"]: ...

@final
class Embedder:
    def __new__(
        cls,
        files: ModelFiles,
        *,
        max_length: int | None,
        threads: int | None,
        query_prefix: str | None,
        document_prefix: str | None,
        keep_floats: bool,
    ) -> Embedder: ...
    def embed(
        self,
        texts: Iterable[str],
        kind: str,
        truncation: str,
        normalize: bool | None,
        progress: Callable[[int], object] | None,
    ) -> bytearray: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def max_length(self) -> int: ...
    @property
    def normalizes(self) -> bool: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def warning(self) -> str | None: ...
    @property
    def kernel(self) -> str | None: ...

@final
class Searcher:
    def __new__(cls, path: str | os.PathLike[str]) -> Searcher: ...
    @staticmethod
    def with_embedder(path: str | os.PathLike[str], embedder: Embedder) -> Searcher: ...
    @property
    def has_vectors(self) -> bool: ...
    def search(self, query: str, mode: str | None, limit: int) -> list[_Hit]: ...

def read_model(
    model: str | os.PathLike[str] | None,
    task: str,
    *,
    revision: str | None,
    cache: str | os.PathLike[str] | None,
    token: str | None,
    offline: bool,
) -> ModelFiles: ...
def is_bundled(name: str) -> bool: ...

"""Reranking and embedding without torch: int8 models on the CPU, two of them in this package.

* :class:`CrossEncoder` and :class:`SentenceTransformer` have the signatures of sentence-transformers, so that
  its programs run with the import changed.
* :class:`Reranker` and :class:`Embedder` have everything else: windows of long documents, scores and spans,
  deadlines, a cache of scores.
* :func:`search` searches a file that ``crossrank index`` made.
* ``crossrank.langchain``, ``crossrank.llama_index`` and ``crossrank.haystack`` are components for those
  frameworks, where they are installed.

>>> from crossrank import CrossEncoder
>>> model = CrossEncoder()
>>> [result["corpus_id"] for result in model.rank("what causes tides", ["A fox sleeps.", "Tides follow the moon."])]
[1, 0]
"""

from ._cache import CacheStats, ScoreCache
from ._cross_encoder import CrossEncoder
from ._embedder import Embedder
from ._errors import AccessError, Cancelled, Error, InputError, ModelError
from ._native import Cancellation, __version__
from ._reranker import RankedDocument, Ranking, Reranker, Score
from ._search import Searcher, SearchResult, search
from ._sentence_transformer import SentenceTransformer

__all__ = [
    "AccessError",
    "CacheStats",
    "Cancellation",
    "Cancelled",
    "CrossEncoder",
    "Embedder",
    "Error",
    "InputError",
    "ModelError",
    "RankedDocument",
    "Ranking",
    "Reranker",
    "Score",
    "ScoreCache",
    "SearchResult",
    "Searcher",
    "SentenceTransformer",
    "__version__",
    "search",
]

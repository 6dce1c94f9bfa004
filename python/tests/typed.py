"""A program with types, which mypy checks against the installed package."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from crossrank import CrossEncoder, Embedder, RankedDocument, Ranking, Reranker, Score, SearchResult, search

reranker = Reranker(num_threads=1, long_documents="windows")
assert_type(reranker.rerank("query", ["document"], 1, timeout=0.5, truncation="left"), Ranking)
assert_type(reranker.rerank("query", ["document"]).results, list[RankedDocument])
assert_type(reranker.score([("query", "document")]), list[Score])
assert_type(Embedder().embed(["text"]), NDArray[np.float32])
assert_type(search("index", "query"), list[SearchResult])
CrossEncoder(activation_fn=lambda logits: logits * 2)
reranker.rerank("query", [1])  # type: ignore[list-item]
reranker.rerank("query", ["document"], truncation="both")  # type: ignore[arg-type]
Reranker(threads=1)  # type: ignore[call-arg]

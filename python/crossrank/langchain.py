"""A reranker for LangChain, which needs ``langchain-core``."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, PrivateAttr

from ._cancellation import in_thread
from ._native import Cancellation
from ._reranker import Reranker


class CrossrankRerank(BaseDocumentCompressor):
    """Puts the documents first that answer the query. It takes the place of ``CohereRerank``.

    Each document of the result is a copy with its score, from 0 to 1, in
    ``metadata["relevance_score"]``.

    >>> compressor = CrossrankRerank(top_n=1)
    >>> documents = [Document("A fox sleeps."), Document("Tides follow the moon.")]
    >>> compressor.compress_documents(documents, "what causes tides")[0].page_content
    'Tides follow the moon.'
    """

    model: str | None = None
    """A folder or a name, as for :class:`crossrank.Reranker`. Default: the bundled model."""
    top_n: int | None = 3
    """The maximum number of documents to return. ``None``: all."""
    num_threads: int | None = None
    """The number of threads that share a call. Default: one for each core."""
    client: Any = None
    """A loaded :class:`crossrank.Reranker` to use instead of ``model``."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    _reranker: Reranker = PrivateAttr()

    def model_post_init(self, _: Any) -> None:
        if self.client is not None and not isinstance(self.client, Reranker):
            raise ValueError("client must be a crossrank.Reranker")
        self._reranker = self.client or Reranker(self.model, num_threads=self.num_threads)

    def rerank(
        self,
        documents: Sequence[str | Document | dict[str, Any]],
        query: str,
        *,
        rank_fields: Sequence[str] | None = None,
        top_n: int | None = -1,
        max_tokens_per_doc: int | None = None,
        cancellation: Cancellation | None = None,
    ) -> list[dict[str, Any]]:
        """The documents in order, best first, as ``{"index": int, "relevance_score": float}``.

        Args:
            documents: Texts, documents, or objects, which the model reads as YAML.
            query: What the documents should answer.
            rank_fields: The keys of objects that the model reads. Default: all.
            top_n: The maximum number of results. ``None``: all. Default: that of the compressor.
            max_tokens_per_doc: The maximum number of tokens of a document.
            cancellation: Its method ``cancel`` ends the call from another thread.
        """
        if not documents:
            return []
        ranking = self._reranker.rerank(
            query,
            [_text(document, rank_fields) for document in documents],
            top_n if top_n is None or top_n > 0 else self.top_n,
            max_document_tokens=max_tokens_per_doc,
            cancellation=cancellation,
        )
        return [{"index": r.index, "relevance_score": r.score} for r in ranking.results]

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """The best documents, best first."""
        return _chosen(documents, self.rerank(documents, query))

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """:meth:`compress_documents` on another thread. Cancelling the task ends the call."""
        results = await in_thread(lambda c: self.rerank(documents, query, cancellation=c))
        return _chosen(documents, results)


def _chosen(documents: Sequence[Document], results: list[dict[str, Any]]) -> list[Document]:
    chosen = []
    for result in results:
        document = documents[result["index"]]
        metadata = deepcopy(document.metadata) | {"relevance_score": result["relevance_score"]}
        chosen.append(Document(document.page_content, metadata=metadata))
    return chosen


def _text(document: str | Document | dict[str, Any], fields: Sequence[str] | None) -> str:
    if isinstance(document, Document):
        return document.page_content
    if isinstance(document, dict):
        import yaml

        shown = {key: document[key] for key in fields if key in document} if fields else document
        return yaml.dump(shown, sort_keys=False)
    return document

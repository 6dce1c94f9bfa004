"""A ranker for Haystack, which needs ``haystack-ai``."""

from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from ._arguments import at_least_one
from ._cancellation import in_thread
from ._native import Cancellation
from ._reranker import Reranker


@component
class CrossrankRanker:
    """Puts the documents first that answer the query. It takes the place of ``CohereRanker``.

    The score of a document of the result is the relevance from 0 to 1.

    Args:
        model: A folder or a name, as for :class:`crossrank.Reranker`. Default: the bundled model.
        top_k: The maximum number of documents to return, at least 1.
        meta_fields_to_embed: The metadata that the model reads before the content of a document.
        meta_data_separator: What stands between them.
        max_tokens_per_doc: The maximum number of tokens of a document. Default: no separate limit.
        num_threads: The number of threads that share a call. Default: one for each core.

    The model is loaded by :meth:`warm_up`, or by the first run.
    """

    def __init__(
        self,
        model: str | None = None,
        top_k: int = 10,
        meta_fields_to_embed: list[str] | None = None,
        meta_data_separator: str = "\n",
        max_tokens_per_doc: int | None = None,
        num_threads: int | None = None,
    ) -> None:
        at_least_one(top_k=top_k, max_tokens_per_doc=max_tokens_per_doc, num_threads=num_threads)
        self.model = model
        self.top_k = top_k
        self.meta_fields_to_embed = meta_fields_to_embed or []
        self.meta_data_separator = meta_data_separator
        self.max_tokens_per_doc = max_tokens_per_doc
        self.num_threads = num_threads
        self._reranker: Reranker | None = None

    def warm_up(self) -> None:
        """Loads the model."""
        self._loaded()

    def to_dict(self) -> dict[str, Any]:
        """The component as a dictionary, without the model."""
        return default_to_dict(
            self,
            model=self.model,
            top_k=self.top_k,
            meta_fields_to_embed=self.meta_fields_to_embed,
            meta_data_separator=self.meta_data_separator,
            max_tokens_per_doc=self.max_tokens_per_doc,
            num_threads=self.num_threads,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "CrossrankRanker":
        """The component of a dictionary that :meth:`to_dict` made."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The best documents, best first, as ``{"documents": [...]}``.

        Args:
            query: What the documents should answer.
            documents: The candidates.
            top_k: The maximum number of documents to return. Default: that of the component.
        """
        return {"documents": self._rank(query, documents, top_k)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """:meth:`run` on another thread. Cancelling the task ends the call."""
        return {"documents": await in_thread(lambda c: self._rank(query, documents, top_k, c))}

    def _loaded(self) -> Reranker:
        if self._reranker is None:
            self._reranker = Reranker(self.model, num_threads=self.num_threads)
        return self._reranker

    def _rank(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None,
        cancellation: Cancellation | None = None,
    ) -> list[Document]:
        at_least_one(top_k=top_k)
        if not documents:
            return []
        ranking = self._loaded().rerank(
            query,
            [self._text(document) for document in documents],
            top_k or self.top_k,
            max_document_tokens=self.max_tokens_per_doc,
            cancellation=cancellation,
        )
        return [replace(documents[result.index], score=result.score) for result in ranking.results]

    def _text(self, document: Document) -> str:
        fields = (document.meta.get(name) for name in self.meta_fields_to_embed)
        return self.meta_data_separator.join(
            [*(str(field) for field in fields if field), document.content or ""]
        )

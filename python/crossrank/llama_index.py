"""A reranker for LlamaIndex, which needs ``llama-index-core``."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle

from ._arguments import at_least_one
from ._cancellation import in_thread
from ._native import Cancellation
from ._reranker import Reranker

_dispatcher = get_dispatcher(__name__)


class CrossrankRerank(BaseNodePostprocessor):
    """Puts the nodes first that answer the query. It takes the place of ``CohereRerank``.

    The score of a node of the result is the relevance from 0 to 1.

    Args:
        top_n: The maximum number of nodes to return, at least 1.
        model: A folder or a name, as for :class:`crossrank.Reranker`. Default: the bundled model.
        num_threads: The number of threads that share a call. Default: one for each core.
        reranker: A loaded reranker to use instead of ``model``.
    """

    top_n: int = Field(description="Top N nodes to return.")
    model: str | None = Field(description="Folder or name of the model.", default=None)
    num_threads: int | None = Field(description="Threads that share a call.", default=None)

    _reranker: Reranker = PrivateAttr()

    def __init__(
        self,
        top_n: int = 2,
        model: str | None = None,
        num_threads: int | None = None,
        reranker: Reranker | None = None,
        **arguments: Any,
    ) -> None:
        at_least_one(top_n=top_n)
        super().__init__(**{"top_n": top_n, "model": model, "num_threads": num_threads, **arguments})
        self._reranker = reranker or Reranker(model, num_threads=num_threads)

    @classmethod
    def class_name(cls) -> str:
        return "CrossrankRerank"

    def _postprocess_nodes(
        self,
        nodes: list[NodeWithScore],
        query_bundle: QueryBundle | None = None,
        cancellation: Cancellation | None = None,
    ) -> list[NodeWithScore]:
        name = self.model or "minilm-l6-en"
        _dispatcher.event(
            ReRankStartEvent(query=query_bundle, nodes=nodes, top_n=self.top_n, model_name=name)
        )
        if query_bundle is None:
            raise ValueError("a reranker needs a query: pass query_str or query_bundle")
        if not nodes:
            return []
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: name,
            EventPayload.QUERY_STR: query_bundle.query_str,
            EventPayload.TOP_K: self.top_n,
        }
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            texts = [node.node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
            ranking = self._reranker.rerank(
                query_bundle.query_str, texts, self.top_n, cancellation=cancellation
            )
            chosen = [
                NodeWithScore(node=nodes[result.index].node, score=result.score) for result in ranking.results
            ]
            event.on_end(payload={EventPayload.NODES: chosen})
        _dispatcher.event(ReRankEndEvent(nodes=chosen))
        return chosen

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await in_thread(lambda c: self._postprocess_nodes(nodes, query_bundle, c))

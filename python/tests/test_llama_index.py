"""The component for LlamaIndex beside CohereRerank, which asks a server with the same model."""

import asyncio

import pytest

pytest.importorskip(
    "llama_index.postprocessor.cohere_rerank", reason="python/requirements.txt has the frameworks"
)

from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank

from crossrank import InputError
from crossrank.llama_index import CrossrankRerank

QUERY = "what causes tides"
TEXTS = ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night.", "The moon is near."]


@pytest.fixture
def nodes():
    return [
        NodeWithScore(node=TextNode(text=t, metadata={"title": f"page {i}"}), score=0.1)
        for i, t in enumerate(TEXTS)
    ]


@pytest.fixture(scope="module")
def ours(reranker):
    return CrossrankRerank(reranker=reranker)


@pytest.fixture(scope="module")
def theirs(cohere_url):
    return CohereRerank(base_url=cohere_url, api_key="none", model="minilm-l6-en")


def rows(nodes):
    return [(n.node.node_id, pytest.approx(n.score, rel=1e-6)) for n in nodes]


def test_nodes(ours, theirs, nodes):
    assert isinstance(ours, BaseNodePostprocessor)
    found = ours.postprocess_nodes(nodes, query_str=QUERY)
    assert rows(found) == rows(theirs.postprocess_nodes(nodes, query_str=QUERY))
    assert len(found) == 2 and found[0].node.text == TEXTS[1]
    # The nodes given are left as they are.
    assert all(node.score == 0.1 for node in nodes)
    bundle = QueryBundle(QUERY)
    assert rows(ours.postprocess_nodes(nodes, query_bundle=bundle)) == rows(found)


@pytest.mark.parametrize("top_n", [1, 4, 100])
def test_top_n(cohere_url, reranker, nodes, top_n):
    ours = CrossrankRerank(top_n, reranker=reranker)
    theirs = CohereRerank(top_n, base_url=cohere_url, api_key="none", model="minilm-l6-en")
    found = ours.postprocess_nodes(nodes, query_str=QUERY)
    assert rows(found) == rows(theirs.postprocess_nodes(nodes, query_str=QUERY))
    assert len(found) == min(top_n, len(TEXTS))


def test_errors(ours, theirs, nodes):
    for component in (ours, theirs):
        assert component.postprocess_nodes([], query_str=QUERY) == []
        with pytest.raises(ValueError, match="query"):
            component.postprocess_nodes(nodes)
        with pytest.raises(ValueError, match="both"):
            component.postprocess_nodes(nodes, query_bundle=QueryBundle(QUERY), query_str=QUERY)
        with pytest.raises(Exception, match="query is empty"):
            component.postprocess_nodes(nodes, query_str=" ")
    with pytest.raises(InputError, match="top_n"):
        CrossrankRerank(top_n=0)


def test_async(ours, theirs, nodes):
    async def both():
        calls = [component.apostprocess_nodes(nodes, query_str=QUERY) for component in (ours, theirs)]
        return await asyncio.gather(*calls)

    found, expected = asyncio.run(both())
    assert rows(found) == rows(expected)


def test_cancelling_the_task_ends_the_call(ours):
    many = [NodeWithScore(node=TextNode(text="Tides follow the moon. " * 40))] * 20_000

    async def main():
        task = asyncio.ensure_future(ours.apostprocess_nodes(many, query_str=QUERY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_events(ours, theirs, nodes):
    class Handler(BaseEventHandler):
        seen: list = []

        def handle(self, event, **_):
            self.seen.append(event)

    handler = Handler()
    get_dispatcher().add_event_handler(handler)
    traces = []
    for component in (ours, theirs):
        debug = LlamaDebugHandler(print_trace_on_end=False)
        before, component.callback_manager = component.callback_manager, CallbackManager([debug])
        handler.seen.clear()
        component.postprocess_nodes(nodes, query_str=QUERY)
        component.callback_manager = before
        pairs = debug.get_event_pairs(CBEventType.RERANKING)
        events = [(type(e).__name__, len(e.nodes)) for e in handler.seen if "ReRank" in type(e).__name__]
        traces.append((events, [sorted(event.payload) for pair in pairs for event in pair]))
    assert traces[0] == traces[1] and len(traces[0][0]) == 2


def test_serialization(ours):
    assert ours.class_name() == "CrossrankRerank"
    data = ours.to_dict()
    assert (data["top_n"], data["model"]) == (2, None)
    assert CrossrankRerank.from_dict(data).top_n == 2

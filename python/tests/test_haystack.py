"""The component for Haystack beside CohereRanker, which asks a server with the same model."""

import asyncio

import pytest

pytest.importorskip(
    "haystack_integrations.components.rankers.cohere", reason="python/requirements.txt has the frameworks"
)

from haystack import Document, Pipeline
from haystack.utils import Secret
from haystack_integrations.components.rankers.cohere import CohereRanker

from crossrank import InputError
from crossrank.haystack import CrossrankRanker

QUERY = "what causes tides"
TEXTS = ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night.", "The moon is near.", None]
DOCUMENTS = [Document(content=text, meta={"title": f"page {i}", "empty": ""}) for i, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def make_theirs(cohere_url):
    return lambda **arguments: CohereRanker(
        model="minilm-l6-en", api_key=Secret.from_token("none"), api_base_url=cohere_url, **arguments
    )


def rows(output):
    return [(d.id, d.content, d.meta, pytest.approx(d.score, rel=1e-6)) for d in output["documents"]]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"top_k": 2},
        {"meta_fields_to_embed": ["title", "missing", "empty"]},
        {"meta_fields_to_embed": ["title"], "meta_data_separator": " - "},
    ],
)
def test_documents(make_theirs, arguments):
    found = CrossrankRanker(**arguments).run(QUERY, DOCUMENTS)
    assert rows(found) == rows(make_theirs(**arguments).run(QUERY, DOCUMENTS))
    assert len(found["documents"]) == arguments.get("top_k", 5)
    assert found["documents"][0].content == TEXTS[1]
    assert all(document.score is None for document in DOCUMENTS)


def test_top_k_and_errors(make_theirs):
    ours, theirs = CrossrankRanker(top_k=3), make_theirs(top_k=3)
    for top_k in (None, 1, 100):
        assert rows(ours.run(QUERY, DOCUMENTS, top_k)) == rows(theirs.run(QUERY, DOCUMENTS, top_k))
    for make in (CrossrankRanker, make_theirs):
        with pytest.raises(ValueError, match="top_k"):
            make(top_k=0)
    for component in (ours, theirs):
        with pytest.raises(ValueError, match="top_k"):
            component.run(QUERY, DOCUMENTS, 0)
        with pytest.raises(Exception, match="query is empty"):
            component.run(" ", DOCUMENTS)
    assert ours.run(QUERY, []) == {"documents": []}
    with pytest.raises(InputError, match="num_threads"):
        CrossrankRanker(num_threads=0)


def test_async(make_theirs):
    async def both():
        return await asyncio.gather(
            CrossrankRanker().run_async(QUERY, DOCUMENTS), make_theirs().run_async(QUERY, DOCUMENTS)
        )

    found, expected = asyncio.run(both())
    assert rows(found) == rows(expected)


def test_cancelling_the_task_ends_the_call():
    ranker = CrossrankRanker()
    ranker.warm_up()
    many = [Document(content="Tides follow the moon. " * 40)] * 50_000

    async def main():
        task = asyncio.ensure_future(ranker.run_async(QUERY, many))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_in_a_pipeline():
    pipeline = Pipeline()
    pipeline.add_component("ranker", CrossrankRanker(top_k=1, num_threads=1))
    text = pipeline.dumps()
    assert "crossrank.haystack.CrossrankRanker" in text
    again = Pipeline.loads(text, allowed_modules=["crossrank.haystack"])
    found = again.run({"ranker": {"query": QUERY, "documents": DOCUMENTS}})
    assert found["ranker"]["documents"][0].content == TEXTS[1]
    assert rows(found["ranker"]) == rows(
        pipeline.run({"ranker": {"query": QUERY, "documents": DOCUMENTS}})["ranker"]
    )

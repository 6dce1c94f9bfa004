"""The component for LangChain beside CohereRerank, which asks a server with the same model."""

import asyncio

import pytest

pytest.importorskip("langchain_cohere", reason="python/requirements.txt has the frameworks")

from langchain_cohere import CohereRerank
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ValidationError

from crossrank import InputError, Reranker
from crossrank.langchain import CrossrankRerank

QUERY = "what causes tides"
DOCUMENTS = [
    Document(text, metadata={"at": i, "more": ["list"]})
    for i, text in enumerate(
        ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night.", "The moon is near.", ""]
    )
]


@pytest.fixture(scope="module")
def ours():
    return CrossrankRerank()


@pytest.fixture(scope="module")
def theirs(cohere_url):
    return CohereRerank(base_url=cohere_url, cohere_api_key="none", model="minilm-l6-en")


def rows(documents):
    return [
        (
            d.page_content,
            {**d.metadata, "relevance_score": pytest.approx(d.metadata["relevance_score"], rel=1e-6)},
        )
        for d in documents
    ]


def test_documents(ours, theirs):
    assert isinstance(ours, BaseDocumentCompressor)
    chosen = ours.compress_documents(DOCUMENTS, QUERY)
    assert rows(chosen) == rows(theirs.compress_documents(DOCUMENTS, QUERY))
    assert len(chosen) == 3 and chosen[0].page_content == "Tides follow the moon."
    # The documents given are left as they are.
    chosen[0].metadata["more"].append("x")
    assert all("relevance_score" not in d.metadata and d.metadata["more"] == ["list"] for d in DOCUMENTS)


@pytest.mark.parametrize("top_n", [1, 4, 100, None, -1, 0])
def test_top_n(ours, theirs, top_n):
    texts = [document.page_content for document in DOCUMENTS]
    found = ours.rerank(texts, QUERY, top_n=top_n)
    expected = theirs.rerank(texts, QUERY, top_n=top_n)
    assert [r["index"] for r in found] == [r["index"] for r in expected]
    assert [r["relevance_score"] for r in found] == pytest.approx([r["relevance_score"] for r in expected])
    assert len(found) == {1: 1, 4: 4, 100: 5, None: 5}.get(top_n, 3)
    assert (
        len(CrossrankRerank(top_n=top_n).compress_documents(DOCUMENTS, QUERY)) == 5 if top_n is None else True
    )


def test_objects_and_documents(ours, theirs):
    given = [{"title": "Moon", "text": "Tides follow the moon."}, DOCUMENTS[0], "Foxes."]
    for fields in (None, ["text"]):
        found = ours.rerank(given, QUERY, rank_fields=fields)
        expected = theirs.rerank(given, QUERY, rank_fields=fields)
        assert [r["index"] for r in found] == [r["index"] for r in expected]
        assert [r["relevance_score"] for r in found] == pytest.approx(
            [r["relevance_score"] for r in expected]
        )


def test_empty(ours, theirs):
    assert ours.compress_documents([], QUERY) == theirs.compress_documents([], QUERY) == []
    assert ours.rerank([], QUERY) == theirs.rerank([], QUERY) == []
    # An empty query is an error of both.
    with pytest.raises(InputError, match="query is empty"):
        ours.compress_documents(DOCUMENTS, " ")
    with pytest.raises(Exception, match="query is empty"):
        theirs.compress_documents(DOCUMENTS, " ")


def test_async(ours, theirs):
    async def both():
        return await ours.acompress_documents(DOCUMENTS, QUERY), await theirs.acompress_documents(
            DOCUMENTS, QUERY
        )

    found, expected = asyncio.run(both())
    assert rows(found) == rows(expected)


def test_cancelling_the_task_ends_the_call(ours):
    many = [Document("Tides follow the moon. " * 40)] * 50_000

    async def main():
        task = asyncio.ensure_future(ours.acompress_documents(many, QUERY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    # The loop waits for its threads when it closes.
    asyncio.run(main())


def test_arguments(reranker):
    assert (
        CrossrankRerank(client=reranker, top_n=1).compress_documents(DOCUMENTS, QUERY)[0].metadata["at"] == 1
    )
    for wrong in ({"client": object()}, {"unknown": 1}, {"top_n": "many"}):
        with pytest.raises(ValidationError):
            CrossrankRerank(**wrong)
    for wrong in ({"client": object()}, {"unknown": 1}, {"top_n": "many"}):
        with pytest.raises(ValidationError):
            CohereRerank(cohere_api_key="none", model="x", **wrong)
    with pytest.raises(OSError):
        CrossrankRerank(model="missing/../model.onnx")
    assert isinstance(CrossrankRerank(num_threads=1)._reranker, Reranker)

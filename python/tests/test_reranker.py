"""Reranker, ScoreCache and search: our own words."""

import json
import math
import subprocess

import numpy as np
import pytest
from conftest import PROGRAM, ROOT

from crossrank import (
    AccessError,
    Cancellation,
    Cancelled,
    Embedder,
    InputError,
    Reranker,
    ScoreCache,
    Searcher,
    search,
)

QUERY = "what causes tides"
DOCUMENTS = ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night."]
LONG = (
    "The café was closed – all day. " * 80
    + "Tides are caused by the moon. " * 8
    + "It was a naïve idea. " * 80
)


def test_rerank(reranker):
    ranking = reranker.rerank(QUERY, DOCUMENTS)
    assert ranking.results[0].index == 1 and len(ranking.results) == 3
    assert not ranking.partial and not ranking.query_truncated
    best = ranking.results[0]
    assert best.score == pytest.approx(1 / (1 + math.exp(-best.logit)), rel=1e-6)
    assert not best.truncated and best.span is None
    assert reranker.rerank(QUERY, DOCUMENTS, 1).results == [best]
    assert reranker.rerank(QUERY, tuple(DOCUMENTS)) == ranking == reranker.rerank(QUERY, iter(DOCUMENTS))
    assert reranker.rerank(QUERY, []).results == []
    assert reranker.rerank(QUERY, DOCUMENTS, min_score=best.score).results == [best]
    assert reranker.rerank_batch([QUERY, QUERY], [DOCUMENTS, DOCUMENTS[1:]], 1)[1].results[0].index == 0


def test_spans_are_in_characters(reranker):
    [result] = reranker.rerank(QUERY, [LONG]).results
    start, end = result.span
    assert "Tides are caused by the moon." in LONG[start:end] and len(LONG[start:end]) < len(LONG)
    assert not result.truncated
    [score] = reranker.score([(QUERY, LONG)])
    assert (score.score, score.logit, score.span) == (result.score, result.logit, result.span)
    [cut] = reranker.rerank(QUERY, [LONG], long_documents="truncate").results
    assert cut.truncated and cut.span is None and cut.logit < result.logit
    [few] = reranker.rerank(QUERY, [LONG], max_windows=1).results
    assert few.truncated and few.span[0] == 0


def test_options_reach_the_library(reranker):
    def logit(**options):
        return reranker.rerank(QUERY, [LONG], **options).results[0].logit

    assert logit(max_length=64) != logit(max_length=128)
    assert logit(max_document_tokens=20, long_documents="truncate") != logit(long_documents="truncate")
    assert logit(truncation="left") != logit(max_length=512)
    with pytest.raises(InputError, match="truncat"):
        reranker.rerank(QUERY, [LONG], truncation="never", max_length=64)
    with pytest.raises(InputError, match='truncation must be right, left or never, not "x"'):
        reranker.rerank(QUERY, [LONG], truncation="x")
    with pytest.raises(InputError, match='long_documents must be truncate or windows, not "x"'):
        reranker.rerank(QUERY, [LONG], long_documents="x")
    short = Reranker(max_length=64, long_documents="windows")
    assert (short.max_length, short.long_documents) == (64, "windows")
    assert (reranker.max_length, reranker.long_documents) == (512, "windows")
    assert reranker.revision and reranker.kernel and reranker.warning is None
    [score] = reranker.score([("word " * 600, "document")])
    assert score.query_truncated and score.tokens == 512


def test_a_timeout_leaves_documents_without_a_score(reranker):
    ranking = reranker.rerank(QUERY, DOCUMENTS, timeout=0)
    assert ranking.partial
    assert [result.index for result in ranking.results] == [0, 1, 2]
    assert all(math.isnan(result.score) for result in ranking.results)
    assert reranker.rerank(QUERY, DOCUMENTS, timeout=math.inf) == reranker.rerank(QUERY, DOCUMENTS)
    with pytest.raises(InputError, match="timeout"):
        reranker.rerank(QUERY, DOCUMENTS, timeout=-1)


def test_progress(reranker):
    seen = []
    reranker.rerank(QUERY, DOCUMENTS * 50, progress=seen.append)
    assert max(seen) == 150

    def fail(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        reranker.rerank(QUERY, DOCUMENTS, progress=fail)


def test_cancellation(reranker):
    cancellation = Cancellation()
    cancellation.cancel()
    for call in (
        lambda: reranker.rerank(QUERY, DOCUMENTS, cancellation=cancellation),
        lambda: reranker.score([(QUERY, DOCUMENTS[0])], cancellation=cancellation),
    ):
        with pytest.raises(Cancelled):
            call()


@pytest.mark.parametrize(
    ("query", "documents", "error", "message"),
    [
        ("", DOCUMENTS, InputError, "query is empty"),
        (3, DOCUMENTS, TypeError, "query must be a str, not int"),
        (QUERY, "one text", TypeError, "documents must be a list of texts, not str"),
        (QUERY, None, TypeError, "documents must be a list of texts, not NoneType"),
        (QUERY, ["a", b"b"], TypeError, r"documents\[1\] must be a str, not bytes"),
        (QUERY, ["a", "\udcff"], InputError, r"documents\[1\] is not valid Unicode"),
        (QUERY, ["a", "x" * (1 << 20) + "x"], InputError, "document 1"),
    ],
)
def test_bad_input(reranker, query, documents, error, message):
    with pytest.raises(error, match=message):
        reranker.rerank(query, documents)


def test_bad_options(reranker):
    for name in ("top_k", "max_length", "max_document_tokens", "max_windows"):
        with pytest.raises(InputError, match=f"{name} must be at least 1, not 0"):
            reranker.rerank(QUERY, DOCUMENTS, **{name: 0})
    with pytest.raises(InputError, match="min_score"):
        reranker.rerank(QUERY, DOCUMENTS, min_score=math.nan)
    with pytest.raises(InputError, match="2 queries and 1 lists"):
        reranker.rerank_batch([QUERY, QUERY], [DOCUMENTS])
    with pytest.raises(InputError, match="max_length is 1000"):
        Reranker(max_length=1000)


def test_score_cache(reranker):
    cache = ScoreCache(1 << 20)
    cached = Reranker(cache=cache)
    first = cached.rerank(QUERY, DOCUMENTS)
    assert first == cached.rerank(QUERY, DOCUMENTS) == reranker.rerank(QUERY, DOCUMENTS)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.entries) == (3, 3, 3) and stats.bytes == 3 * 176
    cached.rerank(QUERY, DOCUMENTS, skip_cache=True)
    assert cache.stats() == stats
    other = ScoreCache(1 << 20)
    other.restore(cache.save())
    assert Reranker(cache=other).rerank(QUERY, DOCUMENTS) == first and other.stats().hits == 3
    cache.clear()
    assert cache.stats().entries == 0
    other.restore(b"something else")
    with pytest.raises(InputError, match="bytes"):
        ScoreCache(-1)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with vectors, made by the command, and one with words only."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "animals.md").write_text(
        "# Zebras\n\nA zebra has stripes.\n\n# Foxes\n\nA fox sleeps by day.\n"
    )
    (folder / "sea.md").write_text("# Tides\n\nTides follow the moon, and the sea rises.\n")
    for name, options in [("both", []), ("words", ["--text-only"])]:
        command = [PROGRAM, "index", folder, "-o", folder / name, *options]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def test_search(index):
    results = search(index / "both", "which animal has stripes", 2)
    assert len(results) == 2
    best = results[0]
    assert (best.title, best.passage, best.id) == ("Zebras", "A zebra has stripes.", None)
    assert best.path.endswith("animals.md") and best.line == 3
    assert (index / "animals.md").read_bytes()[best.start : best.end].decode() == best.passage
    assert best.score > results[1].score and best.vector_score and best.text_score


def test_searcher(index):
    searcher = Searcher(index / "both", reranker=None, embedder=Embedder(num_threads=1))
    for mode in ("text", "vector", "hybrid"):
        [best] = searcher.search("zebra stripes", 1, mode=mode)
        assert best.title == "Zebras" and best.score == best.first_stage_score
    words = Searcher(str(index / "words"))
    assert words.search("the moon")[0].title == "Tides"
    with pytest.raises(InputError, match="words only"):
        words.search("the moon", mode="vector")
    with pytest.raises(InputError, match='mode must be text, vector or hybrid, not "x"'):
        words.search("the moon", mode="x")
    for bad in ({"top_k": 0}, {"recall": 0}):
        with pytest.raises(InputError, match=next(iter(bad))):
            words.search("the moon", **bad)
    with pytest.raises(InputError, match="words only"):
        Searcher(index / "words", embedder=Embedder())
    with pytest.raises(InputError, match="another|other"):
        Searcher(index / "both", embedder=Embedder(query_prefix="q: "))
    with pytest.raises(AccessError):
        Searcher(index / "missing")
    with pytest.raises(InputError):
        Searcher(index / "sea.md")


def expected(folder):
    return json.loads((folder / "expected.json").read_text())["cases"]


def test_weights_in_safetensors_are_quantized_or_kept():
    folder = ROOT / "tests/data/checkpoints/bert"
    pairs = [(case["query"], case["document"]) for case in expected(folder)]
    logits = [case["logit"] for case in expected(folder)]
    kept, quantized = (
        [score.logit for score in Reranker(folder, keep_floats=keep).score(pairs, long_documents="truncate")]
        for keep in (True, False)
    )
    assert kept == pytest.approx(logits, abs=1e-4)
    assert quantized == pytest.approx(logits, abs=0.2) and quantized != kept

    folder = ROOT / "tests/data/checkpoints/embedder-bert"
    texts = [case["text"] for case in expected(folder)]
    vectors = np.array([case["vector"] for case in expected(folder)])
    kept, quantized = (Embedder(folder, keep_floats=keep).embed(texts) for keep in (True, False))
    assert np.abs(kept - vectors).max() < 1e-4
    assert (kept * quantized).sum(axis=1).min() > 0.99 and not np.array_equal(kept, quantized)

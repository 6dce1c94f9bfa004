"""The GIL, Ctrl-C, threads, and processes that are forked. Times are limits for tests that fail."""

import asyncio
import multiprocessing
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crossrank import Cancellation, Cancelled, CrossEncoder, Embedder, Reranker, ScoreCache, Searcher
from test_reranker import index  # noqa: F401, a fixture

LIMIT = 120
QUERY = "what causes tides"
DOCUMENTS = [f"Document {i} says that tides follow the moon." for i in range(40)]
MANY = ["Tides follow the moon. " * 40] * 100_000


@pytest.fixture
def only_released():
    """Threads get the GIL only from calls that release it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10_000)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_calls_release_the_gil(only_released, num_threads):
    model, embedder = CrossEncoder(num_threads=num_threads), Embedder(num_threads=num_threads)
    ticks, end, ticking = [0], threading.Event(), threading.Event()

    def tick():
        ticking.set()
        while not end.is_set():
            ticks[0] += 1
            # Lets the other thread go on if it is ready.
            end.wait(0.0001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    ticking.wait(LIMIT)
    for call in (
        lambda: model.predict([(QUERY, document) for document in DOCUMENTS]),
        lambda: embedder.embed(DOCUMENTS),
        lambda: CrossEncoder(num_threads=num_threads),
    ):
        before = ticks[0]
        call()
        assert ticks[0] > before
    end.set()
    ticker.join(LIMIT)


INTERRUPTED = """
import os, signal, sys, threading, time
from crossrank import CrossEncoder, Embedder, Reranker

texts = ["Tides follow the moon. " * 40] * 100_000
threads = int(sys.argv[2])
model, reranker, embedder = (load(num_threads=threads) for load in (CrossEncoder, Reranker, Embedder))
calls = {
    "_scores": lambda: model.predict([("tides", text) for text in texts]),
    "rerank": lambda: reranker.rerank("tides", texts),
    "embed": lambda: embedder.embed(texts),
}
main = threading.get_ident()
# A shell starts programs in the background with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def interrupt():
    while sys._current_frames()[main].f_code.co_name != sys.argv[1]:
        time.sleep(0.01)
    time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    calls[sys.argv[1]]()
except KeyboardInterrupt:
    print("interrupted", len(reranker.rerank("tides", texts[:3]).results))
"""


@pytest.mark.parametrize("num_threads", ["1", "2"])
@pytest.mark.parametrize("function", ["_scores", "rerank", "embed"])
def test_ctrl_c_ends_a_long_call(function, num_threads):
    """The signal comes while the function has called the library. The model can be used afterwards."""
    command = [sys.executable, "-c", INTERRUPTED, function, num_threads]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout == "interrupted 3\n", done.stderr


def test_ctrl_c_ends_a_download(hub, hub_environment):
    """The hub takes the request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        hub_environment["HF_ENDPOINT"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        # A shell starts programs in the background with the signal ignored.
        program = (
            "import crossrank, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "crossrank.CrossEncoder('owner/tiny')"
        )
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, env=hub_environment, stderr=subprocess.PIPE, text=True)
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                process.send_signal(signal.SIGINT)
                assert "KeyboardInterrupt" in process.communicate(timeout=LIMIT)[1]
        finally:
            process.kill()


def test_threads_share_a_model():
    model = CrossEncoder(num_threads=2)
    lists = [[(f"query {i}", document) for document in DOCUMENTS] for i in range(8)]
    alone = [model.predict(pairs).tobytes() for pairs in lists]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pairs: model.predict(pairs).tobytes(), lists))
    assert together == alone


def in_child(work, context="fork"):
    """What `work` returns in a child process."""
    context = multiprocessing.get_context(context)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(work()))
    child.start()
    try:
        assert receiver.poll(LIMIT), "the child does not answer"
        return receiver.recv()
    finally:
        child.kill()
        child.join(LIMIT)


@pytest.mark.parametrize("num_threads", [1, 2, 4])
def test_a_forked_process_scores(num_threads):
    cache = ScoreCache(1 << 20)
    reranker, embedder = Reranker(num_threads=num_threads, cache=cache), Embedder(num_threads=num_threads)
    ranking, vectors = reranker.rerank(QUERY, DOCUMENTS), embedder.embed(DOCUMENTS)
    assert in_child(lambda: reranker.rerank(QUERY, DOCUMENTS, skip_cache=True)) == ranking
    assert in_child(lambda: (reranker.rerank(QUERY, DOCUMENTS), cache.stats().hits)) == (
        ranking,
        len(DOCUMENTS),
    )
    assert np.array_equal(in_child(lambda: embedder.embed(DOCUMENTS)), vectors)
    # A child of the child, and the parent afterwards.
    assert in_child(lambda: in_child(lambda: reranker.rerank(QUERY, DOCUMENTS))) == ranking
    assert reranker.rerank(QUERY, DOCUMENTS, skip_cache=True) == ranking


def test_a_process_that_is_forked_while_another_thread_scores():
    reranker = Reranker(num_threads=2)
    expected = reranker.rerank(QUERY, DOCUMENTS)
    end = threading.Event()

    def score():
        while not end.is_set():
            reranker.rerank(QUERY, DOCUMENTS[:8])

    threads = [threading.Thread(target=score) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            assert in_child(lambda: reranker.rerank(QUERY, DOCUMENTS)) == expected
    finally:
        end.set()
        for thread in threads:
            thread.join(LIMIT)


def test_a_forked_process_searches(index):  # noqa: F811
    searcher = Searcher(index / "both")
    results = searcher.search("which animal has stripes")
    assert in_child(lambda: searcher.search("which animal has stripes")) == results
    assert searcher.search("which animal has stripes") == results


def score_in_pool(pair):
    return float(MODEL.predict(pair))


def test_a_pool_of_forked_processes():
    global MODEL
    MODEL = CrossEncoder(num_threads=2)
    pairs = [(QUERY, document) for document in DOCUMENTS]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(score_in_pool, pairs).get(LIMIT) == MODEL.predict(pairs).tolist()


def test_cancelling_a_task_ends_the_call(reranker):
    """If it did not, the loop would wait for its thread when it closes, for hours."""

    async def main():
        task = asyncio.ensure_future(reranker.arerank(QUERY, MANY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await reranker.arerank(QUERY, DOCUMENTS, 3)

    before = threading.active_count()
    assert asyncio.run(main()) == reranker.rerank(QUERY, DOCUMENTS, 3)
    assert threading.active_count() == before


def test_a_cancelled_call_raises_in_its_thread(reranker):
    cancellation, raised = Cancellation(), []

    def call():
        try:
            reranker.rerank(
                QUERY, MANY[:2000], cancellation=cancellation, progress=lambda _: cancellation.cancel()
            )
        except Cancelled as error:
            raised.append(error.code)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(LIMIT)
    assert raised == ["cancelled"]

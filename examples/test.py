"""Tests that the examples give the results of `crossrank rerank --json`. CROSSRANK names the program."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
for folder in ("", "milvus", "spark", "scale-out"):
    sys.path.insert(0, str(HERE / folder))
CROSSRANK = os.environ["CROSSRANK"]

import corpus


def cli(query, texts, top_k, *options):
    """The command's results as `(score, text)`, best first."""
    command = [CROSSRANK, "rerank", "--json", "--query", query, "--top-k", str(top_k), *options]
    output = subprocess.run(command, input="\n".join(texts), text=True, check=True, capture_output=True)
    return [(r["score"], r["document"]) for r in json.loads(output.stdout)]


def serve():
    """Starts a server that ends with this program. Returns its address."""
    server = subprocess.Popen(
        [CROSSRANK, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    # This works however the program ends.
    threading.Thread(target=lambda: (threading.main_thread().join(), server.kill())).start()
    return server.stdout.readline().split()[-1]


def test_milvus(url, folder):
    import search

    client, model = search.build(folder / "manual.db", corpus.passages())
    moved = 0
    for query in corpus.QUERIES:
        recalled = search.recall(client, model, query)
        assert len(set(recalled)) == 100
        ranked = search.rerank(url, query, recalled)
        assert ranked == cli(query, recalled, 10), query
        moved += [text for _, text in ranked] != recalled[:10]
    assert moved == len(corpus.QUERIES), "reranking changes nothing for some query"
    client.close()
    print("ok Milvus Lite")


def test_milvus_in_process(folder):
    import in_process
    from crossrank import Embedder, Reranker

    embedder, reranker = Embedder(), Reranker()
    client = in_process.build(folder / "vectors.db", corpus.passages(), embedder)
    moved = 0
    for query in corpus.QUERIES:
        recalled = in_process.recall(client, query, embedder)
        assert len(set(recalled)) == 100
        ranked = in_process.rerank(query, recalled, reranker)
        assert ranked == [(as_f32(score), text) for score, text in cli(query, recalled, 10)], query
        moved += [text for _, text in ranked] != recalled[:10]
    assert moved > 0, "reranking changes nothing"
    client.close()
    print("ok Milvus Lite in one process")


def as_f32(number):
    """The float of 32 bits that the command printed."""
    return struct.unpack("f", struct.pack("f", number))[0]


def test_milvus_ranker(url):
    """Uses the ranker's parameters as Milvus' TEI provider does in internal/util/function of Milvus
    2.6, models/tei/tei.go and rerank/tei_rerank_provider.go."""
    from ranker import crossrank_ranker

    query, texts = corpus.QUERIES[0], corpus.passages()
    params = crossrank_ranker(query, url + "/ignored").to_dict()["params"]
    assert (params["reranker"], params["provider"]) == ("model", "tei")
    endpoint = requests.compat.urljoin(params["endpoint"], "/rerank")
    size, scores = int(params["max_client_batch_size"]), []
    for start in range(0, len(texts), size):
        body = {"query": params["queries"][0], "texts": texts[start : start + size]}
        body |= {name: params[name] for name in ("truncate", "truncation_direction")}
        answer = requests.post(endpoint, json=body, timeout=60)
        answer.raise_for_status()
        items = sorted(answer.json(), key=lambda item: item["index"])
        scores += [item["score"] for item in items]
    # With a direction of truncation, long passages are truncated and not read in windows.
    cut = cli(query, texts, len(texts), "--long-documents", "truncate")
    expected = {text: score for score, text in cut}
    assert scores == [expected[text] for text in texts]
    print("ok Milvus' TEI provider")


def test_spark(folder):
    texts = corpus.passages()
    lines = [
        json.dumps({
            "id": f"{query} {start}",
            "query": query,
            "documents": [{"id": i, "text": texts[i]} for i in range(start, start + 20)],
        })
        for query in corpus.QUERIES
        for start in range(0, 100, 20)
    ]
    source, target = folder / "queries.jsonl", folder / "reranked"
    source.write_text("\n".join(lines) + "\n")
    script = HERE / "spark" / "rerank.py"
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    subprocess.run([sys.executable, script, source, target, "3"], env=environment, check=True, stderr=subprocess.DEVNULL)
    parts = sorted(target.glob("part-*"))
    assert len(parts) >= 3
    command = [CROSSRANK, "rerank", "--jsonl", source]
    alone = subprocess.run(command, text=True, check=True, capture_output=True).stdout
    assert "".join(part.read_text() for part in parts) == alone
    first = json.loads(alone.splitlines()[0])
    expected = cli(corpus.QUERIES[0], texts[:20], 10)
    assert [(r["score"], texts[r["id"]]) for r in first["results"]] == expected
    print("ok Spark")


def test_spark_in_pandas(folder):
    texts = corpus.passages()
    lines = [
        json.dumps({"id": f"{query} {start}", "query": query, "documents": texts[start : start + 20]})
        for query in corpus.QUERIES
        for start in range(0, 60, 20)
    ]
    source, target = folder / "rows.jsonl", folder / "ranked"
    source.write_text("\n".join(lines) + "\n")
    script = HERE / "spark" / "map_in_pandas.py"
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run([sys.executable, script, source, target], env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for part in sorted(target.glob("part-*")) for line in part.read_text().splitlines()]
    assert len(rows) == 10 * len(lines)
    for start in range(0, len(rows), 10):
        query, first = rows[start]["id"].rsplit(" ", 1)
        expected = cli(query, texts[int(first) : int(first) + 20], 10)
        found = [(as_f32(row["score"]), row["document"]) for row in rows[start : start + 10]]
        assert found == [(as_f32(score), text) for score, text in expected]
    print("ok Spark's mapInPandas")


def test_scale_out():
    import measure

    measure.CROSSRANK = CROSSRANK
    measure.main(40)
    print("ok nginx")


with tempfile.TemporaryDirectory() as scratch:
    url = serve()
    test_milvus(url, Path(scratch))
    test_milvus_in_process(Path(scratch))
    test_milvus_ranker(url)
    test_spark(Path(scratch))
    test_spark_in_pandas(Path(scratch))
    test_scale_out()

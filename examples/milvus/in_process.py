"""Recalls 100 passages by vector search with Milvus Lite, and puts the ten best in order, all in one process.

    python in_process.py "which code may contain unsafe blocks"

The Python package crossrank has both models inside, so nothing is downloaded and no server is needed.
"""

import sys
import tempfile
from pathlib import Path

from crossrank import Embedder, Reranker
from pymilvus import MilvusClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import corpus

COLLECTION = "manual"


def build(path, texts, embedder):
    """Makes a collection of the texts in the file `path`. Returns the client."""
    client = MilvusClient(str(path))
    client.create_collection(COLLECTION, dimension=embedder.dimensions, metric_type="COSINE")
    vectors = embedder.embed(texts)
    client.insert(
        COLLECTION, [{"id": i, "vector": v, "text": t} for i, (v, t) in enumerate(zip(vectors, texts))]
    )
    return client


def recall(client, query, embedder, limit=100):
    """The first stage: texts near the query, nearest first."""
    vector = embedder.embed_query(query)
    hits = client.search(COLLECTION, data=[vector], limit=limit, output_fields=["text"])
    return [hit["entity"]["text"] for hit in hits[0]]


def rerank(query, texts, reranker, top_k=10):
    """The second stage: `(score, text)`, best first."""
    ranking = reranker.rerank(query, texts, top_k)
    return [(result.score, texts[result.index]) for result in ranking.results]


def main(query):
    embedder, reranker = Embedder(), Reranker()
    with tempfile.TemporaryDirectory() as folder:
        client = build(Path(folder) / "manual.db", corpus.passages(), embedder)
        recalled = recall(client, query, embedder)
        client.close()
    for score, text in rerank(query, recalled, reranker):
        print(f"{score:.4f}  was {recalled.index(text) + 1:>3}  {text[:90]}")


if __name__ == "__main__":
    main(*sys.argv[1:])

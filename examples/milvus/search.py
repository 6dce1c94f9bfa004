"""Recalls 100 passages by vector search with Milvus Lite, and puts the ten best in order by crossrank.

    crossrank serve &
    python search.py "which code may contain unsafe blocks"

Milvus Lite keeps the collection in a file, so no other server is needed.
"""

import math
import re
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import requests
from pymilvus import MilvusClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import corpus

COLLECTION = "manual"
DIMENSION = 512


class HashedTfIdf:
    """Word counts times the rarity of the word, at the index that the word's hash chooses.

    It replaces an embedding model, so that the example needs no download: use a model of your own
    instead. A reranker corrects the same kinds of error in both.
    """

    def __init__(self, texts):
        self.documents = len(texts)
        self.frequency = Counter(word for text in texts for word in set(self.words(text)))

    @staticmethod
    def words(text):
        return re.findall(r"[a-z0-9]+", text.lower())

    def encode(self, text):
        vector = np.zeros(DIMENSION, dtype=np.float32)
        for word, count in Counter(self.words(text)).items():
            rarity = math.log((1 + self.documents) / (1 + self.frequency[word])) + 1
            hashed = zlib.crc32(word.encode())
            vector[hashed % DIMENSION] += math.copysign(count * rarity, hashed - 2**31)
        return vector / (np.linalg.norm(vector) or 1)


def build(path, texts):
    """Makes a collection of the texts in the file `path`. Returns the client and the model for queries."""
    model = HashedTfIdf(texts)
    client = MilvusClient(str(path))
    client.create_collection(COLLECTION, dimension=DIMENSION, metric_type="COSINE")
    rows = [{"id": i, "vector": model.encode(t), "text": t} for i, t in enumerate(texts)]
    client.insert(COLLECTION, rows)
    return client, model


def recall(client, model, query, limit=100):
    """The first stage: texts near the query, nearest first."""
    hits = client.search(
        COLLECTION, data=[model.encode(query)], limit=limit, output_fields=["text"]
    )
    return [hit["entity"]["text"] for hit in hits[0]]


def rerank(url, query, texts, top_k=10):
    """The second stage: `(score, text)`, best first."""
    body = {"query": query, "documents": texts, "top_n": top_k}
    answer = requests.post(f"{url}/v1/rerank", json=body, timeout=60)
    answer.raise_for_status()
    results = answer.json()["results"]
    return [(r["relevance_score"], texts[r["index"]]) for r in results]


def main(query, url="http://127.0.0.1:8787"):
    with tempfile.TemporaryDirectory() as folder:
        client, model = build(Path(folder) / "manual.db", corpus.passages())
        recalled = recall(client, model, query)
        client.close()
    for score, text in rerank(url, query, recalled):
        print(f"{score:.4f}  was {recalled.index(text) + 1:>3}  {text[:90]}")


if __name__ == "__main__":
    main(*sys.argv[1:])

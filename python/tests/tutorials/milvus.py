"""Finds documents by their vectors with Milvus Lite, and reranks them."""

from pymilvus import MilvusClient
from sentence_transformers import CrossEncoder, SentenceTransformer

documents = [
    "The fox sleeps by day and hunts at night.",
    "Tides are the rise and fall of the sea, caused by the gravity of the moon and the sun.",
    "The moon has no atmosphere, so its sky is always black.",
    "A tide table gives the times of high and low water at a harbour.",
    "Harbours have a lock where the sea rises and falls a lot.",
]
embedder = SentenceTransformer("all-MiniLM-L6-v2")
client = MilvusClient("tutorial.db")
client.create_collection("documents", dimension=embedder.get_sentence_embedding_dimension())
vectors = embedder.encode(documents)
rows = [{"id": i, "vector": vector, "text": text} for i, (vector, text) in enumerate(zip(vectors, documents))]
client.insert("documents", rows)

query = "How do tides work?"
hits = client.search("documents", data=[embedder.encode(query)], limit=4, output_fields=["text"])[0]
candidates = [hit["entity"]["text"] for hit in hits]

reranker = CrossEncoder("cross-encoder/ms-marco-MiniLM-L-6-v2")
scores = reranker.predict([(query, candidate) for candidate in candidates])
for score, candidate in sorted(zip(scores, candidates), reverse=True):
    print(f"{score:.4f}  was {candidates.index(candidate) + 1}  {candidate}")

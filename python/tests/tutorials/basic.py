"""Reranks the documents of one query."""

from sentence_transformers import CrossEncoder

model = CrossEncoder("cross-encoder/ms-marco-MiniLM-L-6-v2")

query = "How do tides work?"
documents = [
    "The fox sleeps by day and hunts at night.",
    "Tides are the rise and fall of the sea, caused by the gravity of the moon and the sun.",
    "The moon has no atmosphere, so its sky is always black.",
    "A tide table gives the times of high and low water at a harbour.",
]

pairs = [[query, document] for document in documents]
scores = model.predict(pairs)

ranked = sorted(zip(documents, scores), key=lambda item: item[1], reverse=True)
for document, score in ranked:
    print(f"{score:.4f}  {document}")

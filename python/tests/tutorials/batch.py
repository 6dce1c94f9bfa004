"""Reranks the documents of many queries in one batch."""

import numpy as np
from sentence_transformers import CrossEncoder

model = CrossEncoder("cross-encoder/ms-marco-MiniLM-L-6-v2", max_length=512)

queries = ["How do tides work?", "When do foxes hunt?", "Why is the sky of the moon black?"]
documents = [
    "The fox sleeps by day and hunts at night.",
    "Tides are the rise and fall of the sea, caused by the gravity of the moon and the sun.",
    "The moon has no atmosphere, so its sky is always black.",
]

pairs = [(query, document) for query in queries for document in documents]
scores = model.predict(pairs, batch_size=4, show_progress_bar=False, convert_to_numpy=True)
scores = scores.reshape(len(queries), len(documents))

for query, row in zip(queries, scores):
    best = int(np.argmax(row))
    print(f"{row[best]:.4f}  {query}  {documents[best]}")

for result in model.rank(queries[0], documents, top_k=2, return_documents=True):
    print(f"{result['score']:.4f}  {result['corpus_id']}  {result['text']}")

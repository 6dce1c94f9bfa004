"""Keeps the scores of pairs that come again."""

from functools import lru_cache

from sentence_transformers import CrossEncoder

model = CrossEncoder("cross-encoder/ms-marco-MiniLM-L-6-v2")


@lru_cache(maxsize=1000)
def relevance(query, document):
    return float(model.predict((query, document)))


documents = ("The fox sleeps by day and hunts at night.", "A tide table gives the times of high water.")
for query in ("When do foxes hunt?", "When is high water?", "When do foxes hunt?"):
    best = max(documents, key=lambda document: relevance(query, document))
    print(f"{relevance(query, best):.4f}  {query}  {best}")
print(f"{relevance.cache_info().misses} pairs were scored")

"""Where only the package is installed: numpy is its only dependency."""

import importlib.metadata

from crossrank import CrossEncoder, SentenceTransformer

packages = {distribution.name for distribution in importlib.metadata.distributions()}
assert packages <= {"crossrank", "numpy", "pip", "setuptools"}, packages
documents = ["A fox sleeps by day.", "Tides follow the moon."]
assert CrossEncoder().rank("what causes tides", documents)[0]["corpus_id"] == 1
model = SentenceTransformer()
similarities = model.similarity(model.encode("what causes tides"), model.encode(documents))
assert similarities.argmax() == 1
print("ok alone")

"""The passages that the examples search, from this repository's own manual."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/start/server.md",
    "docs/guides/candidates.md",
    "docs/guides/latency.md",
    "docs/guides/long-documents.md",
    "docs/project/decisions.md",
    "docs/project/limits.md",
    "docs/reference/javascript.md",
    "models/minilm-l6-en/MODEL_CARD.md",
    "benches/peers/README.md",
]

QUERIES = [
    "how can a web page of another origin call the server",
    "which code may contain unsafe blocks",
    "what happens to a document that is longer than the model reads",
    "how is the order of documents with equal scores decided",
]


def passages():
    """Paragraphs, list items and table rows of at least 60 characters, without duplicates."""
    found = {}
    for name in FILES:
        text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.S)
        for passage in re.split(r"\n\s*\n|\n(?=\s*(?:[-|]|\d+\.) ?)", text):
            passage = " ".join(passage.split())
            if len(passage) >= 60:
                found[passage] = None
    return list(found)


if __name__ == "__main__":
    print(*passages(), sep="\n")

"""Queries as people type them: lower case, keywords, typing errors, no question mark."""

import random
import re

STOP_WORDS = frozenset(
    "a an the is are was were be been do does did of in on at to for from by with and or that this these those it its "
    "what which who whom whose when where why how can could should would will i you we my your there as".split()
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def keywords(query: str) -> list[str]:
    """The words of a query that carry its subject, in their order."""
    return [word for word in re.findall(r"[\w'.+#-]+", query) if word.lower() not in STOP_WORDS]


def mistype(word: str, rng: random.Random) -> str:
    """Swaps, drops, doubles or replaces one inner letter of a word of at least five letters."""
    if len(word) < 5 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 2)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice(LETTERS) + word[at + 1 :]


def vary(query: str, rng: random.Random) -> str:
    """A variant of the query that asks for the same thing. About a third stay as they are."""
    if rng.random() < 0.3:
        return query
    words = query.split()
    if len(words) <= 14 and rng.random() < 0.2:
        kept = keywords(query)
        if len(kept) >= 2:
            words = kept
    if rng.random() < 0.15:
        at = rng.randrange(len(words))
        words[at] = mistype(words[at], rng)
    text = " ".join(words)
    if rng.random() < 0.6:
        text = text.rstrip(" ?.!") or text
    elif rng.random() < 0.1 and not text.endswith("?"):
        text += "?"
    # The tokenizer folds case, but the texts that are made from the query do not.
    return text.lower() if rng.random() < 0.6 else text

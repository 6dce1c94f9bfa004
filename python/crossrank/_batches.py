"""Long lists in parts, which bound the memory of a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

PART = 4096
"""The number of texts or pairs whose tokens are in memory at the same time. Results do not depend on it."""


def parts(items: Sequence[T], unit: str, show_progress: bool | None) -> Iterator[Sequence[T]]:
    """The list in parts. With ``show_progress``, tqdm shows a bar where it is installed."""
    size = PART
    bar = None
    if show_progress:
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
        except ImportError:
            pass
        else:
            bar = tqdm(total=len(items), unit=f" {unit}")
            size = 64
    try:
        for start in range(0, len(items), size):
            part = items[start : start + size]
            yield part
            if bar is not None:
                bar.update(len(part))
    finally:
        if bar is not None:
            bar.close()

"""Calls on another thread, for event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ._native import Cancellation

T = TypeVar("T")


async def in_thread(call: Callable[[Cancellation], T]) -> T:
    """Runs a call on another thread. If the task that waits for it is cancelled, the call ends soon."""
    cancellation = Cancellation()
    try:
        return await asyncio.to_thread(call, cancellation)
    except asyncio.CancelledError:
        cancellation.cancel()
        raise

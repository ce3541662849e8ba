"""Waiting for what must happen, and no longer than it may take."""

import asyncio
import time
from collections.abc import Callable


async def happens(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether a condition comes to hold within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True

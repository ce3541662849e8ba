"""What many tests need: waiting for something to become true, and reading plugins anew."""

import asyncio
import sys
import time
from collections.abc import Callable

from bot.plugin_host.discovery import NAMESPACE


async def happens(condition: Callable[[], bool], within: float = 10) -> bool:
    """Whether a condition holds before so many seconds have passed."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def eventually(condition: Callable[[], bool], timeout: float = 10, what: str = "") -> None:
    """Wait until a condition holds; AssertionError after `timeout` seconds."""
    if not await happens(condition, timeout):
        raise AssertionError(what or "it did not happen in time")


def forget_plugins() -> None:
    """Plugins of one name in several folders: what is imported next is read anew."""
    for name in [name for name in sys.modules if name.startswith(f"{NAMESPACE}.")]:
        del sys.modules[name]

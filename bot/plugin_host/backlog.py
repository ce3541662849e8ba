"""What one plugin is still to be told of one call: a queue, and the task that works through it at the plugin's pace.

Each plugin has its own, so that a slow one is late by itself and nobody waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bot.call.events import CallEvent

from .plugin import Plugin

#: After a call, a plugin that handles fewer events than this in so many seconds does not get the rest. The pace is a
#: third of what Discord allows.
PACE_EVENTS, PACE_SECONDS = 20, 60.0
#: Periods in a row in which a vital plugin may be slower, since Discord may be unavailable.
MAX_SLOW_PERIODS = 10

#: Tells a plugin of an event; it catches whatever the hook raises.
Tell = Callable[[Plugin[Any], CallEvent], Awaitable[None]]


class Backlog:
    """The events that one plugin is still to be told of. Begins to work when it is made; `close` it once."""

    def __init__(self, plugin: Plugin[Any], tell: Tell, name: str) -> None:
        """`name` is what the task is called."""
        self.plugin = plugin
        self._tell = tell
        self._told = 0
        self._waiting: asyncio.Queue[CallEvent | None] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work(), name=name)

    def __len__(self) -> int:
        """How much waits, without what the plugin is being told just now."""
        return self._waiting.qsize()

    def put(self, event: CallEvent) -> None:
        """Add an event; the plugin is told when it is its turn."""
        self._waiting.put_nowait(event)

    async def settled(self) -> None:
        """Wait until the plugin was told of everything so far."""
        await self._waiting.join()

    async def close(self) -> int:
        """Deliver what waits, as long as the plugin keeps a pace; return how much it was not told of."""
        self._waiting.put_nowait(None)
        try:
            slow = 0
            while not self._worker.done() and slow < (MAX_SLOW_PERIODS if self.plugin.vital else 1):
                before = self._told
                await asyncio.wait({self._worker}, timeout=PACE_SECONDS)
                slow = 0 if self._told - before >= PACE_EVENTS else slow + 1
        finally:
            left = 0 if self._worker.done() else len(self)  # the end's mark stands for what is being told just now
            self._worker.cancel()
        await asyncio.wait({self._worker})
        while not self._waiting.empty():  # nobody is to wait for it
            self._waiting.get_nowait()
            self._waiting.task_done()
        if not self._worker.cancelled():
            self._worker.result()
        return left

    async def _work(self) -> None:
        while True:
            event = await self._waiting.get()
            try:
                if event is None:
                    return
                await self._tell(self.plugin, event)
            finally:
                self._told += 1
                self._waiting.task_done()

"""What happens to a call, handled in order until an event says that it is over."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A call's queue of events: they are added from anywhere on the loop, and handled one after the other by
    `run`."""

    def __init__(self) -> None:
        #: Set when nothing more is to be handled.
        self.closed = asyncio.Event()
        self._items: asyncio.Queue[T] = asyncio.Queue()
        self._woken = asyncio.Event()

    def put(self, item: T) -> None:
        """Add an event, which is handled after those that came before it."""
        self._items.put_nowait(item)

    def wake(self) -> None:
        """Have `look` called at once, without an event."""
        self._woken.set()

    def close(self) -> None:
        """Handle nothing that comes from now on."""
        self.closed.set()

    def drain(self) -> Iterator[T]:
        """Return what was put in and is not handled yet."""
        while not self._items.empty():
            yield self._items.get_nowait()

    async def run(
        self, *, handle: Callable[[T], None], look: Callable[[], Awaitable[None]], max_wait: Callable[[], float]
    ) -> None:
        """Handle each event as it arrives, until it is closed; one that arrives with the closing is handled, too.

        `look` follows each event, each `wake`, and `max_wait()` seconds without either.
        """
        closing = asyncio.create_task(self.closed.wait())
        arriving = asyncio.create_task(self._items.get())
        waking = asyncio.create_task(self._woken.wait())
        try:
            while not self.closed.is_set():
                await asyncio.wait({closing, arriving, waking}, timeout=max_wait(), return_when=asyncio.FIRST_COMPLETED)
                if arriving.done():
                    arrived, arriving = arriving.result(), asyncio.create_task(self._items.get())
                    handle(arrived)
                if waking.done():
                    self._woken.clear()
                    waking = asyncio.create_task(self._woken.wait())
                await look()
        finally:
            try:
                if arriving.done():
                    handle(arriving.result())
            finally:
                for waiting in (closing, arriving, waking):
                    waiting.cancel()
                await asyncio.gather(closing, arriving, waking, return_exceptions=True)

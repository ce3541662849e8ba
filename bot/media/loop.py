"""The media loop's thread, and the way to it from the main loop."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp

from bot.task_failures import log_failure

from .ticker import Ticker

T = TypeVar("T")

#: Seconds a Python thread may keep the GIL while another wants it. With the default of 5 ms a busy main loop delays
#: the 20 ms beat by up to 100 ms; with this one by 2 to 3.
SWITCH_INTERVAL = 0.0005
#: Seconds that the end of the process waits for what outlives its call.
SHUTDOWN_TIMEOUT = 1.0

log = logging.getLogger(__name__)


class MediaLoop:
    """The thread of the media loop. Start it once per process; everything of `bot.voice`, `bot.bridge` and `bot.room`
    lives in it."""

    def __init__(self, connector: Callable[[], aiohttp.BaseConnector], proxy: str | None = None) -> None:
        """`connector` is called in the media loop for the connections of voice websockets; `proxy` is their http://
        proxy."""
        self._make_connector = connector
        self._proxy = proxy
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self.ticker = Ticker()
        self._http: aiohttp.ClientSession | None = None
        self._outliving: set[asyncio.Task[None]] = set()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP session for use in the media loop."""
        assert self._http is not None, "the media loop is not running"
        return self._http

    def time(self) -> float:
        """Return the time that the ticks go by; it is `time.monotonic()`."""
        assert self._loop is not None, "the media loop is not running"
        return self._loop.time()

    async def start(self) -> None:
        """Start the thread and wait until its loop runs."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        main = asyncio.get_running_loop()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(main, ready)), name="media", daemon=True)
        self._thread.start()
        await ready

    async def stop(self) -> None:
        """End the loop; every call must have ended before."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(thread.join)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the media loop and wait for it here; cancelling the wait cancels it there."""
        assert self._loop is not None, "the media loop is not running"
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def post(self, change: Callable[[], None]) -> None:
        """Run something short in the media loop, without waiting for it here."""
        assert self._loop is not None, "the media loop is not running"
        self._loop.call_soon_threadsafe(change)

    def outlive(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the media loop to its end, whatever becomes of the call that asked for it."""
        task = asyncio.create_task(work, name="outlives its call")
        self._outliving.add(task)
        task.add_done_callback(self._on_outlived)

    def _on_outlived(self, task: "asyncio.Task[None]") -> None:
        self._outliving.discard(task)
        log_failure(log, task, "a task that outlives its call failed")

    async def _main(self, main: asyncio.AbstractEventLoop, ready: "asyncio.Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with aiohttp.ClientSession(connector=self._make_connector(), proxy=self._proxy) as self._http:
            main.call_soon_threadsafe(ready.set_result, None)
            await self._stop.wait()
            if self._outliving:
                await asyncio.wait(self._outliving, timeout=SHUTDOWN_TIMEOUT)

"""Calls the plugins' hooks: in order, with a time limit, every error caught, a failing plugin paused.

Each call has one queue and one task that works through it, so a slow plugin delays words in the channel and nothing
else. The media loop never waits for any of this.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from enum import Enum, auto
from typing import Any

import discord

from bot.call.call import Call
from bot.call.events import Receipt, TranscriptLine
from bot.errors import Refused
from bot.language import mark, say
from bot.provider import ShownImage

from .patience import within
from .plugin import Plugin

log = logging.getLogger(__name__)

HOOK_TIMEOUT = 10.0  # seconds; posting into a channel may wait for Discord's rate limits
VETO_TIMEOUT = 2.0
QUEUE_LIMIT = 1000
FAILURES, FAILURE_WINDOW = 3, 60.0  # so many failures in so many seconds pause a plugin on a server
PAUSE = 300.0

_Hook = Callable[[Plugin[Any]], Coroutine[Any, Any, None]]


class Failure(Enum):
    """What a failing hook has led to."""

    COUNTED = auto()
    PAUSED = auto()


class HookDispatcher:
    """The call observer that passes everything on to the plugins."""

    def __init__(
        self, plugins: Callable[[], Iterable[Plugin[Any]]], released: Callable[[], None] | None = None
    ) -> None:
        """`plugins` are those in place now; `released` is called when a call no longer needs those it began with."""
        self._plugins = plugins
        self._released = released
        self._of_call: dict[str, list[Plugin[Any]]] = {}  # those a call began with, by its id
        self._queues: dict[str, asyncio.Queue[tuple[str, _Hook] | None]] = {}  # by call id
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[tuple[int, str], deque[float]] = {}
        self._paused_until: dict[tuple[int, str], float] = {}
        self.hook_timeout, self.veto_timeout = HOOK_TIMEOUT, VETO_TIMEOUT  # seconds
        self._told: dict[str, set[str]] = {}  # plugins that had a session's receipt, while others have not

    async def starting(self, call: Call) -> None:
        """Ask every plugin; a veto, or no answer in time, refuses the call before it costs anything.

        A plugin that fails to answer again and again is paused as for any hook, and asked no more for that time: it
        would refuse every call of its server for ever.
        """
        own = self._of_call[call.id] = list(self._plugins())
        for plugin in self._active(call.guild_id, own):
            try:
                veto = await within(self.veto_timeout, plugin.on_call_starting(call), f"plugin {plugin.name}: veto")
                if not isinstance(veto, str | None):
                    raise TypeError(f"on_call_starting gave {veto!r}, which is neither a text nor None")
            except Exception as error:
                if isinstance(error, TimeoutError):
                    log.error("plugin %s took too long in on_call_starting", plugin.name)
                    text = mark("The plugin `{name}` did not answer; the call was not started.")
                else:
                    log.exception("plugin %s failed in on_call_starting", plugin.name)
                    text = mark("The plugin `{name}` failed; the call was not started.")
                if self._count_failure(call.guild_id, plugin.name) is Failure.PAUSED:
                    text = mark(
                        "The plugin `{name}` failed {count} times in a minute, so I leave it alone for "
                        "{minutes} minutes: until then calls begin without it."
                    )
                told = say(text, name=plugin.name, count=FAILURES, minutes=round(PAUSE / 60))
                raise Refused(told) from error
            if veto is not None:
                raise Refused(veto)
        queue: asyncio.Queue[tuple[str, _Hook] | None] = asyncio.Queue()
        self._queues[call.id] = queue
        self._workers[call.id] = asyncio.create_task(self._work(call, own, queue), name=f"call {call.id} hooks")

    def started(self, call: Call) -> None:
        self._put(call, "on_call_started", lambda plugin: plugin.on_call_started(call))

    def transcript(self, call: Call, line: TranscriptLine) -> None:
        self._put(call, "on_transcript", lambda plugin: plugin.on_transcript(call, line), line.final)

    def image(self, call: Call, image: ShownImage) -> None:
        self._put(call, "on_image", lambda plugin: plugin.on_image(call, image))

    def speaking(self, call: Call, user_id: int, speaking: bool) -> None:
        self._put(call, "on_speaking", lambda plugin: plugin.on_speaking(call, user_id, speaking), False)

    def agent_state(self, call: Call, state: str) -> None:
        self._put(call, "on_agent_state", lambda plugin: plugin.on_agent_state(call, state), False)

    def warning(self, call: Call, text: str) -> None:
        self._put(call, "on_warning", lambda plugin: plugin.on_warning(call, text))

    def notice(self, call: Call, text: str) -> None:
        self._put(call, "on_notice", lambda plugin: plugin.on_notice(call, text))

    async def finished(self, call: Call) -> None:
        """Deliver what is queued and stop the call's task."""
        queue, worker = self._queues.pop(call.id, None), self._workers.pop(call.id, None)
        if queue is not None and worker is not None:
            queue.put_nowait(None)
            await worker
        if call.closing is None:  # there is no receipt to come
            self._release(call.id)

    async def ended(self, receipt: Receipt) -> bool:
        """Tell every plugin that was not told before, a paused one too; those that fail are told again next time."""
        told = self._told.setdefault(receipt.session_id, set())
        own = self._of_call.get(receipt.session_id) or self._plugins()
        waiting = [p for p in own if p.enabled(receipt.guild_id) and p.name not in told]
        for plugin in waiting:
            if await self._call(receipt.guild_id, plugin, "on_call_ended", lambda p: p.on_call_ended(receipt)) is None:
                told.add(plugin.name)
        complete = all(plugin.name in told for plugin in waiting)
        if complete:
            del self._told[receipt.session_id]
            self._release(receipt.session_id)
        return complete

    def uses(self, plugin: Plugin[Any]) -> bool:
        """Whether a call that is not over began with this instance."""
        return any(plugin in own for own in self._of_call.values())

    async def settled(self) -> None:
        """Wait until the plugins were told of everything so far."""
        for queue in list(self._queues.values()):
            await queue.join()

    def paused(self, guild_id: int, name: str) -> bool:
        """Whether a plugin is left alone on a server because it failed too often."""
        return self._paused_until.get((guild_id, name), 0.0) > time.monotonic()

    def forgive(self, name: str) -> None:
        """A plugin's failures so far count no more, and its pauses are over: its code is new."""
        for failures in (self._failures, self._paused_until):
            for key in [key for key in failures if key[1] == name]:
                del failures[key]

    def _release(self, call_id: str) -> None:
        if self._of_call.pop(call_id, None) is not None and self._released is not None:
            self._released()

    def _put(self, call: Call, name: str, hook: _Hook, important: bool = True) -> None:
        queue = self._queues.get(call.id)
        if queue is None or (not important and queue.qsize() >= QUEUE_LIMIT):
            return
        queue.put_nowait((name, hook))

    async def _work(
        self, call: Call, own: Sequence[Plugin[Any]], queue: asyncio.Queue[tuple[str, _Hook] | None]
    ) -> None:
        while (item := await queue.get()) is not None:
            name, hook = item
            try:
                await self._tell(call, own, name, hook)
            finally:
                queue.task_done()

    async def _tell(self, call: Call, own: Sequence[Plugin[Any]], name: str, hook: _Hook) -> None:
        for plugin in self._active(call.guild_id, own):
            if await self._call(call.guild_id, plugin, name, hook) is Failure.PAUSED:
                self.warning(
                    call,
                    say(
                        "The plugin `{name}` failed {count} times in a minute, so I leave it alone for "
                        "{minutes} minutes. The bot's operator can see why in the log.",
                        name=plugin.name,
                        count=FAILURES,
                        minutes=round(PAUSE / 60),
                    ),
                )

    async def _call(self, guild_id: int, plugin: Plugin[Any], name: str, hook: _Hook) -> Failure | None:
        """Call one hook; None when it went well."""
        try:
            await within(self.hook_timeout, hook(plugin), f"plugin {plugin.name}: {name}")
        except Exception as error:
            if isinstance(error, TimeoutError):
                log.error("plugin %s took too long in %s", plugin.name, name)
            elif isinstance(error, discord.HTTPException):  # no bug of the plugin's: a permission, or Discord itself
                log.error("plugin %s: Discord refused in %s: %s", plugin.name, name, error)
            else:
                log.exception("plugin %s failed in %s", plugin.name, name)
            return self._count_failure(guild_id, plugin.name)
        return None

    def _count_failure(self, guild_id: int, name: str) -> Failure:
        now = time.monotonic()
        failures = self._failures.setdefault((guild_id, name), deque(maxlen=FAILURES))
        failures.append(now)
        if len(failures) == FAILURES and now - failures[0] <= FAILURE_WINDOW:
            failures.clear()
            self._paused_until[guild_id, name] = now + PAUSE
            log.error("plugin %s is paused on server %d for %d s", name, guild_id, PAUSE)
            return Failure.PAUSED
        return Failure.COUNTED

    def _active(self, guild_id: int, plugins: Iterable[Plugin[Any]]) -> list[Plugin[Any]]:
        return [p for p in plugins if p.enabled(guild_id) and not self.paused(guild_id, p.name)]

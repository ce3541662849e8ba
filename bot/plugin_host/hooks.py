"""Calls the plugins' hooks: in order, with a time limit, every error caught, a failing plugin paused.

Each plugin has a backlog of its own in each call, so a slow one is late by itself. The media loop never waits for any
of this.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import aiohttp
import discord

from bot.billing.receipt import Receipt
from bot.call.call import Call
from bot.call.events import CallEvent, WarningGiven
from bot.errors import Refused
from bot.language import Text, mark, say

from .backlog import Backlog
from .plugin import Plugin
from .time_limit import run_with_timeout

log = logging.getLogger(__name__)

#: Seconds. Posting waits for Discord's rate limits, and discord.py retries for 25 s while Discord answers with 500 or
#: 502; the error it raises then is not the plugin's failure. Three timeouts in a row still fall within the window.
HOOK_TIMEOUT = 28.0
VETO_TIMEOUT = 2.0
TRANSIENT_LIMIT = 1000  # waiting events of a plugin, above which it gets no more transient ones
BACKLOG_LIMIT = 5000  # above which it is paused; all lines of a call may come at its end, and must fit
MAX_FAILURES, FAILURE_WINDOW = 3, 60.0  # failures within these seconds pause a plugin on a server
PAUSE_SECONDS = 300.0
FAILED = mark(
    "The plugin `{name}` failed {count} times in a minute, so I leave it alone for "
    "{minutes} minutes. The bot's operator can see why in the log."
)
BEHIND = mark(
    "The plugin `{name}` is too slow: {count} events of this call wait for it, so I leave it alone for "
    "{minutes} minutes."
)


class HookDispatcher:
    """Passes a call's events on to the plugins."""

    def __init__(
        self,
        plugins: Callable[[], Iterable[Plugin[Any]]],
        released: Callable[[], None] | None = None,
        *,
        announced: bool = True,
    ) -> None:
        """`plugins` are those in place now; `released` is called when a call no longer needs those it began with.
        `announced`: no call begins unless one of them tells people that they are heard."""
        self._plugins = plugins
        self._released = released
        self._announced = announced
        self._of_call: dict[str, list[Plugin[Any]]] = {}  # those a call began with, by its id
        self._backlogs: dict[str, list[Backlog]] = {}  # by call id
        self._failures: dict[tuple[int, str], deque[float]] = {}
        self._paused_until: dict[tuple[int, str], float] = {}
        self.hook_timeout, self.veto_timeout = HOOK_TIMEOUT, VETO_TIMEOUT  # seconds
        self._told: dict[str, set[str]] = {}  # plugins that had a session's receipt, while others have not

    async def starting(self, call: Call) -> None:
        """Ask every plugin; a veto, or no answer in time, refuses the call before it costs anything.

        A plugin that repeatedly fails to answer is paused, as for any hook, and not asked during that time; otherwise
        it would refuse every call on the server. A vital plugin is never paused.
        """
        own = self._of_call[call.id] = list(self._plugins())
        active = self._active(call.guild_id, own)
        if self._announced and not any(plugin.announces for plugin in active):
            raise Refused(
                say(
                    "No plugin that tells people that they are heard is enabled here, so no call can start. "
                    "`voicebot` is one; the bot's operator can enable it."
                )
            )
        for plugin in active:
            try:
                veto = await run_with_timeout(
                    self.veto_timeout, plugin.on_call_starting(call), f"plugin {plugin.name}: veto"
                )
                if not isinstance(veto, str | None):
                    raise TypeError(f"on_call_starting gave {veto!r}, which is neither a text nor None")
            except Exception as error:
                if isinstance(error, TimeoutError):
                    log.error("plugin %s took too long in on_call_starting", plugin.name)
                    text = mark("The plugin `{name}` did not answer; the call was not started.")
                else:
                    log.exception("plugin %s failed in on_call_starting", plugin.name)
                    text = mark("The plugin `{name}` failed; the call was not started.")
                if not plugin.vital and self._count_failure(call.guild_id, plugin):
                    text = mark(
                        "The plugin `{name}` failed {count} times in a minute, so I leave it alone for "
                        "{minutes} minutes: until then calls begin without it."
                    )
                raise Refused(_trouble(text, plugin.name, MAX_FAILURES)) from error
            if veto is not None:
                raise Refused(veto)
        tell = partial(self._tell, call)
        self._backlogs[call.id] = [Backlog(plugin, tell, f"call {call.id} plugin {plugin.name}") for plugin in own]

    def publish(self, call: Call, event: CallEvent) -> None:
        """Put an event into the backlog of every plugin that the call began with."""
        for backlog in self._backlogs.get(call.id, []):
            plugin = backlog.plugin
            if len(backlog) < (BACKLOG_LIMIT if event.matters else TRANSIENT_LIMIT):
                backlog.put(event)
            elif event.matters and not plugin.vital and not self.paused(call.guild_id, plugin.name):
                self._pause(call.guild_id, plugin.name)
                self.publish(call, WarningGiven(_trouble(BEHIND, plugin.name, BACKLOG_LIMIT)))

    async def _tell(self, call: Call, plugin: Plugin[Any], event: CallEvent) -> None:
        """Call the hook of an event, unless the plugin is off or paused by now. One that fails too often is paused, and
        people are told."""
        if not self._active(call.guild_id, [plugin]):
            return
        try:
            await run_with_timeout(
                self.hook_timeout,
                getattr(plugin, event.hook)(call, *event.arguments),
                f"plugin {plugin.name}: {event.hook}",
            )
        except Exception as error:
            counts = _log_failed_hook(plugin, event.hook, error) and not plugin.vital
            if counts and self._count_failure(call.guild_id, plugin):
                self.publish(call, WarningGiven(_trouble(FAILED, plugin.name, MAX_FAILURES)))

    async def finished(self, call: Call) -> None:
        """Deliver what waits to every plugin that is fast enough, and end the call's tasks."""
        backlogs = self._backlogs.pop(call.id, [])
        left = await asyncio.gather(*(backlog.close() for backlog in backlogs))
        for backlog, count in zip(backlogs, left, strict=True):
            if count:
                log.error(
                    "plugin %s was too slow: it was not told of %d events of the call", backlog.plugin.name, count
                )
        if call.closing is None:  # there is no receipt to come
            self._release(call.id)

    async def ended(self, receipt: Receipt) -> bool:
        """Tell every plugin that was not told before, a paused one too; those that fail are told again next time."""
        told = self._told.setdefault(receipt.call_id, set())
        own = self._of_call.get(receipt.call_id) or self._plugins()
        waiting = [p for p in own if _is_on(p, receipt.guild_id) and p.name not in told]
        for plugin in waiting:
            try:
                hook = plugin.on_call_ended(receipt)
                await run_with_timeout(self.hook_timeout, hook, f"plugin {plugin.name}: on_call_ended")
            except Exception as error:
                _log_failed_hook(plugin, "on_call_ended", error)
            else:
                told.add(plugin.name)
        complete = all(plugin.name in told for plugin in waiting)
        if complete:
            self.forget(receipt.call_id)
        return complete

    def forget(self, call_id: str) -> None:
        """Keep nothing of a call any more; the plugins that it began with may be unloaded."""
        self._told.pop(call_id, None)
        self._release(call_id)

    def uses(self, plugin: Plugin[Any]) -> bool:
        """Return whether a call that is not over began with this instance."""
        return any(plugin in own for own in self._of_call.values())

    async def settled(self) -> None:
        """Wait until the plugins were told of everything so far."""
        for backlog in [backlog for backlogs in self._backlogs.values() for backlog in backlogs]:
            await backlog.settled()

    def paused(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin is left alone on a server because it failed too often."""
        return self._paused_until.get((guild_id, name), 0.0) > time.monotonic()

    def reset_failures(self, name: str) -> None:
        """Forget a plugin's failures and end its pauses: its code is new."""
        for failures in (self._failures, self._paused_until):
            for key in [key for key in failures if key[1] == name]:
                del failures[key]

    def _release(self, call_id: str) -> None:
        if self._of_call.pop(call_id, None) is not None and self._released is not None:
            self._released()

    def _count_failure(self, guild_id: int, plugin: Plugin[Any]) -> bool:
        """Count one; whether it was one too many, so that the plugin is paused now."""
        now, name = time.monotonic(), plugin.name
        failures = self._failures.setdefault((guild_id, name), deque(maxlen=MAX_FAILURES))
        failures.append(now)
        if len(failures) == MAX_FAILURES and now - failures[0] <= FAILURE_WINDOW:
            failures.clear()
            self._pause(guild_id, name)
            return True
        return False

    def _pause(self, guild_id: int, name: str) -> None:
        self._paused_until[guild_id, name] = time.monotonic() + PAUSE_SECONDS
        log.error("plugin %s is paused on server %d for %d s", name, guild_id, PAUSE_SECONDS)

    def _active(self, guild_id: int, plugins: Iterable[Plugin[Any]]) -> list[Plugin[Any]]:
        return [p for p in plugins if not self.paused(guild_id, p.name) and _is_on(p, guild_id)]


def _is_on(plugin: Plugin[Any], guild_id: int) -> bool:
    """Return whether a plugin is on; one that cannot say so is not. Its `enabled` may be its own."""
    try:
        return bool(plugin.enabled(guild_id))
    except Exception:
        log.exception("plugin %s failed in enabled", plugin.name)
        return False


def _log_failed_hook(plugin: Plugin[Any], hook: str, error: Exception) -> bool:
    """Log why a hook failed; False when that was Discord's fault or the network's."""
    match error:
        case discord.HTTPException() | aiohttp.ClientError() | ConnectionError():  # a permission, or an outage
            log.error("plugin %s: Discord refused in %s: %s", plugin.name, hook, error)
            return False
        case TimeoutError():
            log.error("plugin %s took too long in %s", plugin.name, hook)
        case _:
            log.error("plugin %s failed in %s", plugin.name, hook, exc_info=error)
    return True


def _trouble(template: str, name: str, count: int) -> Text:
    """Return what people read of a plugin that is in trouble."""
    return say(template, name=name, count=count, minutes=round(PAUSE_SECONDS / 60))

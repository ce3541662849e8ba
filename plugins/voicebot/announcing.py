"""Telling people that they are heard: when a call begins, when it moves, and when somebody joins its channel."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from bot.api import DISCORD_FAILURES, Call, Host

from . import messages
from .posting import Poster

log = logging.getLogger(__name__)

#: Seconds for the first words of a call before others go ahead of them, and at the end of the call for those that are
#: on their way.
ANNOUNCE_TIMEOUT, FINAL_ANNOUNCE_TIMEOUT = 8.0, 2.0
#: Seconds in which those who join the channel of a running call are told together that they are heard.
JOINERS_WINDOW = 3.0

#: Starts a task that is awaited with the plugin: its work, and a name for the log.
StartTask = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


class Announcements:
    """The announcements of every call. What Discord does not take is tried again while the call lasts."""

    def __init__(self, host: Host, poster: Poster, start_task: StartTask) -> None:
        self._host = host
        self._poster = poster
        self._start_task = start_task
        self._announcing: dict[str, asyncio.Task[None]] = {}  # by call id
        self._told: dict[str, set[int]] = {}  # by call id: user ids of those who know that they are heard
        self._untold: dict[str, list[int]] = {}  # by call id: user ids of those who have just joined

    async def begin(self, call: Call, first_words: Callable[[], Awaitable[None]]) -> None:
        """Announce a call: `first_words` where words go, and a line where people are. Returns when the first words are
        posted, or after a while without them."""
        work = self._announce(call, first_words)
        announcing = self._announcing[call.id] = self._start_task(work, f"announcing call {call.id}")
        await asyncio.wait({announcing}, timeout=ANNOUNCE_TIMEOUT)

    async def _announce(self, call: Call, first_words: Callable[[], Awaitable[None]]) -> None:
        self._told[call.id] = set(call.channel.voice_states)
        if call.voice_channel_id != call.text_channel_id:
            ask_first = call.consent.ask_first
            text = messages.heard_here(call.voicebot_name, call.text_channel_id, ask_first=ask_first)
            there = call.voice_channel_id
            tell = partial(self._poster.post_if_allowed, there, call, text)
            self._start_task(self._poster.until_taken(call, tell, there), f"announcing call {call.id} in its channel")
        await self._poster.until_taken(call, first_words, vital=True)

    async def moved(self, call: Call) -> None:
        """Say where a call is now, where words go and in the chat of the channel where people are heard now."""
        now = call.voice_channel_id
        self._told[call.id] = set(call.channel.voice_states)
        text = messages.moved(call.voicebot_name, now, call.text_channel_id, ask_first=call.consent.ask_first)
        telling = []
        for place in {call.text_channel_id, now}:
            tell = partial(self._poster.post_if_allowed, place, call, text)
            telling.append(self._start_task(self._poster.until_taken(call, tell, now), f"announcing call {call.id}"))
        await asyncio.wait(telling, timeout=ANNOUNCE_TIMEOUT)

    def joined(self, call: Call, user_id: int) -> None:
        """Tell somebody who has joined the channel of a call that they are heard, once and with others who have
        just joined."""
        told = self._told.get(call.id)
        if told is None or user_id in told:
            return
        told.add(user_id)
        untold = self._untold.setdefault(call.id, [])
        untold.append(user_id)
        if len(untold) == 1:
            self._start_task(self._tell_newcomers(call), f"newcomers of call {call.id}")

    async def _tell_newcomers(self, call: Call) -> None:
        await self._host.sleep(JOINERS_WINDOW)
        newcomers = self._untold.pop(call.id, [])
        if newcomers and self._host.calls.of_guild(call.guild_id) is call:
            text = messages.newcomers(newcomers, call.voicebot_name, call.text_channel_id, call.consent.ask_first)
            try:
                await self._poster.post_if_allowed(call.voice_channel_id, call, text)
            except DISCORD_FAILURES as error:
                log.warning("call %s: newcomers could not be told that they are heard: %s", call.id, error)

    async def end(self, call_id: str) -> None:
        """Announce nothing more of a call that is over. What Discord is just taking is waited for."""
        announcing = self._announcing.pop(call_id, None)
        if announcing is not None:
            await asyncio.wait({announcing}, timeout=FINAL_ANNOUNCE_TIMEOUT)
            announcing.cancel()
        self._told.pop(call_id, None)
        self._untold.pop(call_id, None)

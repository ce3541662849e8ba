"""Who is in the voice channels of calls: as events tell, and by checks at intervals, since events can be missed."""

import asyncio
import logging
from collections.abc import Callable, Iterable

import discord

from bot.access.voice_channel import people_in

from .call import Call
from .state import CallState

log = logging.getLogger(__name__)

#: Seconds between two checks of who is there and what the bot may do.
CHECK_INTERVAL = 10.0


class Occupancy:
    """Tells each call how many people it has, which of its members are bots, and who its host is."""

    def __init__(self, calls: Callable[[], Iterable[Call]]) -> None:
        """Watch `calls`, those of the process."""
        self._calls = calls

    def on_voice_state(self, call: Call, member: discord.Member) -> None:
        """Look into a call's channel, after somebody on its server joined, left or moved."""
        call.update_bots()
        self.count(call, member.id)
        if member.id == call.host_id:
            self._look_for_a_host(call)
        if member == member.guild.me and call.state is not CallState.ENDING:
            call.check_permissions()

    def count(self, call: Call, about: int | None = None) -> None:
        """Tell a call how many people it has, after the gateway has told of one of them, or of all."""
        call.on_occupancy(call.participants.presence.after_event(people_in(call.channel), about))

    async def watch(self) -> None:
        """Check every running call at intervals, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            for call in [one for one in self._calls() if one.state in (CallState.LIVE, CallState.RECONNECTING)]:
                try:
                    await self._check(call)
                except Exception:  # one call's trouble is no other's
                    log.exception("call %s: could not find out who is in its channel", call.id)

    async def _check(self, call: Call) -> None:
        at_server = await call.present()
        by_gateway = set(people_in(call.channel))
        people = None if at_server is None else at_server - call.consent.bots
        count, disagreement = call.participants.presence.people(by_gateway, people, call.since_heard)
        if disagreement is not None:
            log.warning("call %s: %s", call.id, disagreement)
        call.update_bots()
        call.on_occupancy(count)
        call.check_permissions()
        self._look_for_a_host(call)

    def _look_for_a_host(self, call: Call) -> None:
        """Make the person in the channel who joined voice first the host, if the host has left and the server's
        settings allow it."""
        if not call.settings.hand_over:
            return
        present = people_in(call.channel)
        if call.state is not CallState.ENDING and present and call.host_id not in present:
            call.hand_over(present[0])

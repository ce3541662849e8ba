"""Posting to the channels of a call: where words go, and where people are."""

import logging
from collections.abc import Awaitable, Callable

import discord

from bot.api import DISCORD_FAILURES, Call, CallState, EndReason, Host, Text, fit

log = logging.getLogger(__name__)

#: Seconds until what Discord did not take is tried again, at first and in the end.
RETRY_MIN, RETRY_MAX = 5.0, 60.0
#: Refusals in a row, none of which passes by itself, before a call ends of which people cannot be told.
MAX_REFUSALS = 3


class Poster:
    """Posts for every call of a bot. `language` gives that of a server's channel, by the server's id."""

    def __init__(self, host: Host, language: Callable[[int], str]) -> None:
        self._host = host
        self._language = language

    async def post(self, call: Call, text: Text, channel_id: int | None = None) -> None:
        """Post where words go, or in another channel. Where words cannot go any more, people are told in their voice
        channel."""
        told = fit(text.to(self._language(call.guild_id)))
        channel = self._host.get_channel(channel_id or call.text_channel_id)
        if channel is None:  # deleted meanwhile, or the bot is no longer on the server
            return
        try:
            await channel.send(told)
        except (discord.Forbidden, discord.NotFound):
            beside = self._host.get_channel(call.voice_channel_id)
            if channel_id is not None or beside is None or call.voice_channel_id == call.text_channel_id:
                raise
            await beside.send(told)

    async def post_if_allowed(self, channel_id: int, call: Call, text: Text) -> None:
        """Post in a channel that the bot may not be allowed to write into: the guards tell people of that."""
        try:
            await self.post(call, text, channel_id)
        except discord.Forbidden:
            log.warning("call %s: the bot may not write into channel %d", call.id, channel_id)

    async def until_taken(
        self, call: Call, tell: Callable[[], Awaitable[None]], where: int | None = None, *, vital: bool = False
    ) -> None:
        """Call `tell` until Discord accepts the post, as long as the call lasts and, if `where` is given, is in that
        voice channel. With `vital`, a call that can never be announced is ended."""
        pause, refused = RETRY_MIN, 0
        while True:
            try:
                await tell()
                return
            except DISCORD_FAILURES as error:
                log.error("call %s could not be announced, trying again: %s", call.id, error)
                lasting = isinstance(error, discord.HTTPException) and error.status in (400, 403, 404)
                refused = refused + 1 if lasting else 0
                if vital and refused >= MAX_REFUSALS:
                    call.end(EndReason.NOT_ANNOUNCED)
                    return
            except Exception:  # whatever it is, people are being heard
                log.exception("call %s could not be announced, trying again", call.id)
            await self._host.sleep(pause)
            pause = min(2 * pause, RETRY_MAX)
            over = self._host.calls.of_guild(call.guild_id) is not call or call.state is CallState.ENDING
            if over or where not in (None, call.voice_channel_id):
                return

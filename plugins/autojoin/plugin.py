"""Starts a call when people arrive in a configured voice channel and stay; limits apply as in `/voicebot join`.

At least one of them must be allowed to start calls, and everybody in the channel is told that the voicebot listens, as
in every call. The call ends when nobody is left, and follows when everybody has moved to another configured channel.
When a call could not start, or was ended while people were there, no other one starts until the channel has been empty:
nobody gets the same message twice, and a voicebot that was sent away returns only on request. This state survives
reloads of the plugin.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar

import discord
from discord.ext import commands
from pydantic import Field

from bot.api import (
    CHANNEL,
    DISCORD_FAILURES,
    AccessSettings,
    Call,
    CallRequest,
    CallState,
    EndReason,
    Host,
    ParleyError,
    Plugin,
    PluginSettings,
    Receipt,
    Refused,
    Seconds,
    check_start,
    check_text,
    check_voice,
    in_language,
    people_in,
    resolve_voicebot,
    say,
)

T = TypeVar("T")

#: Seconds between two checks whether the last call has ended completely.
ENDING_POLL_INTERVAL = 0.5


class AutoJoinSettings(PluginSettings):
    """Which channels the bot joins by itself, with whom in them, and how soon."""

    enabled: bool = Field(False, description="whether calls start automatically on this server")
    channels: tuple[int, ...] = Field(
        (), description="ids of the voice channels that start a call", json_schema_extra=CHANNEL
    )
    voicebot: str | None = Field(None, description="which one, by its name or id; by default the server's usual one")
    people: int = Field(1, ge=1, le=99, description="how many people must be there")
    wait: Seconds = Field(3, description="seconds that they must stay before the call begins")


class AutoJoinPlugin(Plugin[AutoJoinSettings]):
    """Joins a voice channel when people arrive there."""

    name = "autojoin"
    Settings = AutoJoinSettings

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._joining: dict[int, asyncio.Task[None]] = {}  # by voice channel
        self._arrived_meanwhile: set[int] = set()  # voice channels where somebody came while they were being joined

    def _kept(self, what: str, first: T) -> T:
        """Return what the instances before and after this one know, too."""
        return self.memory.setdefault(what, first)  # type: ignore[no-any-return]

    @property
    def _calls(self) -> dict[str, Call]:
        """Those going on, for where they are at their end."""
        return self._kept("calls", {})

    @property
    def _where(self) -> dict[str, int]:
        """The voice channel of each call, as of its start or last move; a moderator may have moved the bot since."""
        return self._kept("where", {})

    @property
    def _emptied(self) -> set[str]:
        """Ids of calls whose channel was empty after they ended, so that a new call may start there."""
        return self._kept("emptied", set())

    @property
    def _given_up(self) -> set[int]:
        """Ids of voice channels where no call starts until they are empty: the last one failed, or people ended it."""
        return self._kept("given up", set())

    @property
    def _told(self) -> set[int]:
        """Voice channels whose people know that none of them may start calls."""
        return self._kept("told", set())

    @property
    def _under_way(self) -> dict[int, object]:
        """Voice channels that are being joined, and by which instance: after a reload the newer one takes over."""
        return self._kept("under way", {})

    @property
    def _people(self) -> dict[int, tuple[str, set[int]]]:
        """User ids of who has been in the channel of a server's latest call, by server, with the call's id."""
        return self._kept("people by server", {})

    def _people_of(self, call: Call) -> set[int]:
        known = self._people.get(call.guild_id)
        if known is None or known[0] != call.id:
            known = self._people[call.guild_id] = call.id, set()
        return known[1]

    async def on_load(self) -> None:
        """Look into the named channels again, after a reload too."""
        for channel_id in list(self._under_way):
            if isinstance(channel := self.host.get_channel(channel_id), discord.VoiceChannel):
                self._begin(channel)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Look who came, went, or muted themselves (an event of discord.py's)."""
        if before.channel == after.channel:
            return
        # This is told when the next event may have happened already: who has left may be back.
        if before.channel is not None and not set(people_in(before.channel)) - {member.id}:
            self._given_up.discard(before.channel.id)
            self._told.discard(before.channel.id)
            over = [call for call in self._calls.values() if call.state not in (CallState.LIVE, CallState.RECONNECTING)]
            self._emptied.update(call.id for call in over if self._where.get(call.id) == before.channel.id)
        channel, guild_id = after.channel, member.guild.id
        call = self.host.calls.of_guild(guild_id)
        if call is not None and self._settings(guild_id).enabled and call.channel in (before.channel, channel):
            self._people_of(call).add(member.id)
        if member.bot or not isinstance(channel, discord.VoiceChannel) or not self._wanted(channel):
            return
        if channel.id in self._joining:
            self._arrived_meanwhile.add(channel.id)
        elif channel.id not in self._given_up:
            self._begin(channel)

    def _begin(self, channel: discord.VoiceChannel) -> None:
        self._under_way[channel.id] = self
        self._joining[channel.id] = self.tasks.create(self._join_for_all(channel), f"joining channel {channel.id}")

    async def _join_for_all(self, channel: discord.VoiceChannel) -> None:
        """Join a channel, and try again for people who arrived during the attempt."""
        try:
            await self._join(channel)
            while channel.id in self._arrived_meanwhile and channel.id not in self._given_up:
                self._arrived_meanwhile.discard(channel.id)
                await self._join(channel)
        finally:
            if self._under_way.get(channel.id) is self:
                del self._under_way[channel.id]
            self._arrived_meanwhile.discard(channel.id)
            self._joining.pop(channel.id, None)

    async def on_call_started(self, call: Call) -> None:
        """Remember where the call is."""
        self._calls[call.id], self._where[call.id] = call, call.voice_channel_id
        self._people_of(call).update(people_in(call.channel))

    async def on_call_moved(self, call: Call) -> None:
        """Remember where the call is now."""
        self._where[call.id] = call.voice_channel_id

    async def on_call_ended(self, receipt: Receipt) -> None:
        """Forget the call, and remember whether somebody sent the bot away."""
        call = self._calls.pop(receipt.call_id, None)
        channel = self.host.get_channel(self._where.pop(receipt.call_id, 0))
        emptied = receipt.call_id in self._emptied
        self._emptied.discard(receipt.call_id)
        if call is None:
            return  # of an earlier run of the bot, or never live, and who came meanwhile looks by themselves
        if receipt.reason is not EndReason.EMPTY and not emptied and channel is not None and people_in(channel):
            self._given_up.add(channel.id)
        # The call's own instance is told, which a reload may have replaced: what it began would go with it.
        newest: Any = self.host.plugins.newest or self  # whose class is another after a reload
        newest.look_for_others(call.guild_id)

    def look_for_others(self, guild_id: int) -> None:
        """Start calls in other configured channels where people arrived during the last call."""
        for channel in self._named(guild_id):
            if people_in(channel) and self._wanted(channel) and channel.id not in {*self._under_way, *self._given_up}:
                self._begin(channel)

    def _named(self, guild_id: int) -> list[discord.VoiceChannel]:
        """Those of the channels in the settings that are there."""
        found = (self.host.get_channel(channel_id) for channel_id in self._settings(guild_id).channels)
        return [channel for channel in found if isinstance(channel, discord.VoiceChannel)]

    def _settings(self, guild_id: int) -> AutoJoinSettings:
        """Those in force now, whatever a running call began with."""
        return self.host.config.plugin(guild_id, self.name, self.Settings)

    def _wanted(self, channel: discord.VoiceChannel) -> bool:
        settings = self._settings(channel.guild.id)
        return settings.enabled and channel.id in settings.channels

    async def _join(self, channel: discord.VoiceChannel) -> None:
        await self.host.sleep(self._settings(channel.guild.id).wait)
        while self._must_wait(channel.guild.id):
            await self.host.sleep(ENDING_POLL_INTERVAL)
        if self._under_way.get(channel.id) is not self:
            return
        # What was so before may be no more: the channel, the settings, whether those who are there want a call.
        now = self.host.get_channel(channel.id)
        if not isinstance(now, discord.VoiceChannel) or not self._wanted(now) or now.id in self._given_up:
            return
        call = self.host.calls.of_guild(now.guild.id)
        if call is None:
            await self._start(now)
        elif self._has_gone_on(call, now):
            await self._follow(call, now)

    async def _start(self, channel: discord.VoiceChannel) -> None:
        guild, config = channel.guild, self.host.config
        settings, server, present = self._settings(guild.id), config.server(guild.id), people_in(channel)
        if len(present) < settings.people:
            return
        text_channel_id = server.text_channel or channel.id  # every voice channel has a chat of its own
        try:
            starter = _starter([member for number in present if (member := guild.get_member(number))], server.access)
        except Refused as error:  # somebody else who arrives may be allowed to
            if channel.id not in self._told:
                self._told.add(channel.id)
                await self._say_why(channel, text_channel_id, error)
            return
        try:
            request = CallRequest(
                channel=channel,
                text_channel_id=text_channel_id,
                starter_id=starter.id,
                voicebot=resolve_voicebot(server, settings.voicebot),
                participant=guild.name[:80],
                starter_roles=tuple(role.id for role in starter.roles),
            )
            await self.host.calls.start(request, config)
        except ParleyError as error:
            self._given_up.add(channel.id)
            await self._say_why(channel, text_channel_id, error)

    async def _say_why(self, channel: discord.VoiceChannel, text_channel_id: int, error: ParleyError) -> None:
        place: Any = channel.guild.get_channel_or_thread(text_channel_id) or channel
        with contextlib.suppress(*DISCORD_FAILURES):  # perhaps that is why
            text = say(
                "I did not join {channel} automatically: {reason}", channel=channel.mention, reason=error.for_user
            )
            await place.send(in_language(text, self.language(channel.guild.id)))

    def _must_wait(self, guild_id: int) -> bool:
        """Whether a new call must wait: the last one has no receipt yet, is about to end because its people have left
        for no other configured channel, or is still connecting or reconnecting."""
        calls, call = self.host.calls, self.host.calls.of_guild(guild_id)
        if call is None or call.state is CallState.ENDING:
            return calls.config_of(guild_id) is not None
        if call.state is CallState.CONNECTING:  # it may fail, and nobody else would look then
            return True
        if people_in(call.channel):
            return False
        if call.state is not CallState.LIVE:  # it may go on to somewhere else when it is
            return True
        return not any(self._has_gone_on(call, other) for other in self._named(guild_id))

    def _has_gone_on(self, call: Call, channel: discord.VoiceChannel) -> bool:
        """Whether all have left the named channel of a call, and some of them are in this one."""
        return (
            call.state is CallState.LIVE
            and call.voice_channel_id in self._settings(call.guild_id).channels
            and not people_in(call.channel)
            and not self._people_of(call).isdisjoint(people_in(channel))
        )

    async def _follow(self, call: Call, channel: discord.VoiceChannel) -> None:
        """Take the call to where its people are now; those who were there already are told, as in every call that
        moves."""
        try:
            check_voice(channel)
            check_text(channel.guild, call.text_channel_id)
        except Refused as error:
            self._given_up.add(channel.id)
            await self._say_why(channel, call.text_channel_id, error)
            return
        await call.move_to(channel)


def _starter(present: Sequence[discord.Member], access: AccessSettings) -> discord.Member:
    """Return the first one who may start calls; Refused when nobody may, or nobody is known any more."""
    refused = Refused(say("Nobody here may start calls."))
    for member in present:
        try:
            check_start(member, access)
        except Refused as error:
            refused = error
        else:
            return member
    raise refused

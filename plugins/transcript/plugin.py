"""One message per final line: people under their names, the voicebot under its own with its picture."""

import logging
from typing import Any

import discord
from pydantic import Field

from bot.api import (
    MESSAGE_LIMIT,
    Call,
    Host,
    Plugin,
    PluginSettings,
    Receipt,
    TranscriptLine,
    clean,
    is_postable,
    plain,
    safe_name,
    say,
    say_n,
    split,
)

MAX_NAMES = 5  # speakers named before a line
EMBED_LIMIT = 4096  # characters of an embed's description
VOICEBOT_COLOUR = 0x5865F2
NAME_LIMIT = 256  # characters of an embed's author
BAD_REQUEST = 400
#: Blocked by AutoMod: by its rules, and by the title
#: (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json).
BLOCKED = frozenset({200000, 200001})

log = logging.getLogger(__name__)


class TranscriptSettings(PluginSettings):
    """Settings for what is written into the text channel."""

    people: bool = Field(True, description="write what people say")
    voicebot: bool = Field(True, description="write what the voicebot says")


class TranscriptPlugin(Plugin[TranscriptSettings]):
    """Writes the transcript as it happens."""

    name = "transcript"
    Settings = TranscriptSettings
    vital = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._caught_up: set[str] = set()  # calls whose late lines have their heading
        self._refused: set[str] = set()  # calls of which it was said that a line was refused
        self._plain: set[str] = set()  # calls whose voicebot has a picture that Discord refuses

    async def on_transcript(self, call: Call, line: TranscriptLine) -> None:
        """Write a finished line into the text channel."""
        settings = self.settings(call.guild_id)
        if not line.final or not (settings.people if line.role == "user" else settings.voicebot):
            return
        channel = self.host.get_channel(call.text_channel_id)
        if channel is None:
            return
        if line.late and call.id not in self._caught_up:
            self._caught_up.add(call.id)
            text = say("Said during the call, and missing above:").to(self.language(call.guild_id))
            await channel.send(f"*{text}*")
        if line.role == "user":
            heading = f"**{self._who(call, line.speakers)}:** "
            for piece in split(plain(line.text), MESSAGE_LIMIT - len(heading)):
                await self._say(call, channel, heading + piece)
            return
        for piece in split(plain(line.text), EMBED_LIMIT):
            await self._say_for_voicebot(call, channel, piece)

    async def _say(self, call: Call, channel: Any, text: str) -> None:
        """One message. A server's own filter may refuse it, which costs that message alone, and is said once."""
        try:
            await channel.send(text, suppress_embeds=True)
        except discord.HTTPException as error:
            if error.code not in BLOCKED:
                raise
            if call.id not in self._refused:
                self._refused.add(call.id)
                told = say("A line was refused by this server's AutoMod rules, so it is missing here.")
                await channel.send(f"*{told.to(self.language(call.guild_id))}*")

    async def _say_for_voicebot(self, call: Call, channel: Any, text: str) -> None:
        """Send a line of the voicebot under its name and with its picture or, if Discord refuses the picture, as plain
        text, so that the line is not lost."""
        avatar = None if call.session is None or call.id in self._plain else call.session.avatar_url
        if avatar is not None and is_postable(avatar):
            try:
                await channel.send(embed=_spoken(call, text, avatar))
                return
            except discord.HTTPException as error:
                if error.status != BAD_REQUEST or error.code in BLOCKED:
                    raise
                log.warning("call %s: Discord refuses the voicebot's picture: %s", call.id, error.text)
                self._plain.add(call.id)
        try:
            await channel.send(embed=_spoken(call, text, None))
        except discord.HTTPException as error:
            if error.status != BAD_REQUEST and error.code not in BLOCKED:
                raise
            heading = f"**{safe_name(call.voicebot_name)}:** "
            for piece in split(text, MESSAGE_LIMIT - len(heading)):
                await self._say(call, channel, heading + piece)

    async def on_call_ended(self, receipt: Receipt) -> None:
        """Forget what was noted of the call."""
        for calls in (self._caught_up, self._refused, self._plain):
            calls.discard(receipt.call_id)

    def _who(self, call: Call, speakers: tuple[int, ...]) -> str:
        """Return the names of all possible speakers. People with the same name are distinguished."""
        guild, language = self.host.get_guild(call.guild_id), self.language(call.guild_id)
        names = []
        for user_id in speakers:
            member = None if guild is None else guild.get_member(user_id)
            known = self.host.name_of(call.guild_id, user_id)
            if known is None or member is None:
                names.append(f"<@{user_id}>")
                continue
            name = safe_name(known)
            others = (
                self.host.name_of(call.guild_id, other) for other in call.channel.voice_states if other != user_id
            )
            twin = any(safe_name(other or "").casefold() == name.casefold() for other in others)
            names.append(f"{name} ({safe_name(member.name)})" if twin else name)
        if len(names) > MAX_NAMES:
            more = say_n("{count} other", "{count} others", count=len(names) - MAX_NAMES)
            names = [*names[:MAX_NAMES], more.to(language)]
        return say(" and ").to(language).join(names) or say("Someone").to(language)


def _spoken(call: Call, text: str, avatar: str | None) -> discord.Embed:
    """Post a line of the voicebot under its name."""
    embed = discord.Embed(description=text, colour=VOICEBOT_COLOUR)
    return embed.set_author(name=clean(call.voicebot_name)[:NAME_LIMIT] or "Voicebot", icon_url=avatar)

"""As much of Discord as a plugin sees in a call: channels that keep what is sent and say no where Discord does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import discord

from bot.text import MESSAGE_LIMIT

EMBED_LIMIT, MAX_EMBEDS = 6000, 10  # characters of a message's embeds together, and how many it may have


@dataclass(slots=True)
class Posted:
    """A message as it stands in the channel."""

    content: str = ""
    embeds: list[discord.Embed] = field(default_factory=list)
    view: Any = None
    deleted: bool = False
    edits: int = 0

    async def edit(self, **changes: Any) -> "Posted":
        """Edit it, as discord.py's message does."""
        standing: dict[str, Any] = {"content": self.content, "view": self.view}
        if not {"embed", "embeds"} & set(changes):
            standing["embeds"] = self.embeds
        edited = as_posted(**{**standing, **changes})
        self.content, self.embeds, self.view = edited.content, edited.embeds, edited.view
        self.edits += 1
        return self

    async def delete(self) -> None:
        """Delete it, as discord.py's message does."""
        self.deleted = True


class Channel:
    """A text channel, or a voice channel with its chat."""

    def __init__(self, channel_id: int, name: str, guild: "Guild") -> None:
        self.id, self.name, self.guild = channel_id, name, guild
        self.posted: list[Posted] = []
        self.voice_states: dict[int, discord.VoiceState] = {}  # of who is in it, by user id
        #: Raised by every `send` while it is set, as Discord's refusals are.
        self.refusal: Exception | None = None
        self.refused = 0  # times

    @property
    def mention(self) -> str:
        """How the channel is named in a message."""
        return f"<#{self.id}>"

    @property
    def writes(self) -> int:
        """How often something was posted or edited."""
        return len(self.posted) + sum(message.edits for message in self.posted)

    async def send(self, content: str | None = None, **more: Any) -> Posted:
        """Post a message; discord.HTTPException for what Discord does not take."""
        if self.refusal is not None:
            self.refused += 1
            raise self.refusal
        message = as_posted(content=content, **more)
        self.posted.append(message)
        return message

    async def history(self, **_: Any) -> AsyncIterator[Posted]:
        """Iterate over the messages, newest first."""
        for message in reversed(self.posted):
            yield message


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the server."""

    id: int
    display_name: str
    guild: "Guild" = field(repr=False)
    bot: bool = False
    roles: tuple[Any, ...] = ()
    guild_permissions: discord.Permissions = field(default_factory=discord.Permissions.all, repr=False)

    @property
    def mention(self) -> str:
        """How the person is named in a message."""
        return f"<@{self.id}>"

    @property
    def name(self) -> str:
        """The person's name, as discord.py's member has it."""
        return self.display_name

    @property
    def voice(self) -> discord.VoiceState | None:
        """The voice state, as discord.py's member has it."""
        return self.guild.voice.get(self.id)


class Guild:
    """A server as a plugin sees it."""

    def __init__(self, guild_id: int, name: str, language: discord.Locale) -> None:
        self.id, self.name, self.preferred_locale = guild_id, name, language
        self.people: dict[int, Person] = {}
        self.voice: dict[int, discord.VoiceState] = {}  # of who is in a voice channel, by user id

    def get_member(self, user_id: int, /) -> Person | None:
        """Find a member, as discord.py's guild does."""
        return self.people.get(user_id)


def refusal(status: int, message: str) -> discord.HTTPException:
    """Make Discord's refusal with an HTTP status, of the class that discord.py would raise."""
    kinds: dict[int, type[discord.HTTPException]] = {403: discord.Forbidden, 404: discord.NotFound}
    response: Any = SimpleNamespace(status=status, reason=message)
    return kinds.get(status, discord.HTTPException)(response, message)


def as_posted(content: str | None = None, **more: Any) -> Posted:
    """Return a message as it would stand in a channel; discord.HTTPException for what Discord does not take."""
    embeds = [embed for embed in (more.get("embed"), *(more.get("embeds") or ())) if embed is not None]
    text = str(content or "")
    if len(text) > MESSAGE_LIMIT:
        raise refusal(400, f"content: Must be {MESSAGE_LIMIT} or fewer in length.")
    if not text and not embeds and not more.get("view") and not more.get("file") and not more.get("files"):
        raise refusal(400, "Cannot send an empty message")
    if len(embeds) > MAX_EMBEDS or sum(len(embed) for embed in embeds) > EMBED_LIMIT:
        raise refusal(400, f"embeds: Must be {MAX_EMBEDS} or fewer, and {EMBED_LIMIT} characters in all.")
    return Posted(text, embeds, more.get("view"))

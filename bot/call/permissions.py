"""What the bot needs in its channels, by Discord's own names, and what is missing of it; also in mid-call.

Source: https://discord.com/developers/docs/topics/permissions
"""

from collections.abc import Iterable
from typing import Any

import discord

from bot.errors import Refused

from .voice_link import VoiceChannel


def missing_in_voice(channel: VoiceChannel) -> list[str]:
    """The permissions that the bot lacks to hear and to be heard."""
    permissions = channel.permissions_for(channel.guild.me)
    needed = {
        "View Channel": permissions.view_channel,
        "Connect": permissions.connect,
        "Speak": permissions.speak,
        "Use Voice Activity": permissions.use_voice_activation,
    }
    return [name for name, granted in needed.items() if not granted]


def missing_in_text(channel: Any) -> list[str]:
    """The permissions that the bot lacks to write down what is said; `channel` is any that messages can go to."""
    permissions = channel.permissions_for(channel.guild.me)
    in_thread = isinstance(channel, discord.Thread)
    needed = {
        "View Channel": permissions.view_channel,
        "Send Messages in Threads" if in_thread else "Send Messages": (
            permissions.send_messages_in_threads if in_thread else permissions.send_messages
        ),
        "Embed Links": permissions.embed_links,
    }
    return [name for name, granted in needed.items() if not granted]


def check_voice(channel: VoiceChannel) -> None:
    """Refused, naming each permission that the bot lacks in a voice channel, or that it is full."""
    missing = missing_in_voice(channel)
    if missing:
        raise Refused(
            f"I need the permission {listed(missing)} in {channel.mention}. "
            "An admin can grant it in the channel's settings, under Permissions."
        )
    full = channel.user_limit and len(channel.voice_states) >= channel.user_limit
    if full and not channel.permissions_for(channel.guild.me).move_members:
        raise Refused(f"{channel.mention} is full. Raise its user limit or make room for me.")


def listed(names: Iterable[str]) -> str:
    """`**Connect**, **Speak**`."""
    return ", ".join(f"**{name}**" for name in names)


class Hindrances:
    """What keeps a running call from working, so that each is said once, and once more when it is over."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}  # what it is -> what is said when it is over

    def update(self, voice: VoiceChannel, text: Any | None) -> tuple[list[str], list[str]]:
        """Look again: what people should be told is wrong, and what is well again."""
        found = _look(voice, text)
        new = [warning for what, (warning, _) in found.items() if what not in self._told]
        over = [good_news for what, good_news in self._told.items() if what not in found]
        self._told = {what: good_news for what, (_, good_news) in found.items()}
        return new, over


def _look(voice: VoiceChannel, text: Any | None) -> dict[str, tuple[str, str]]:
    """What it is -> what is said when it begins, and when it is over."""
    found: dict[str, tuple[str, str]] = {}
    missing = missing_in_voice(voice)
    if missing:
        found[f"voice {missing}"] = (
            f"I no longer have the permission {listed(missing)} in {voice.mention}, so the call may not work.",
            f"I have the permissions I need in {voice.mention} again.",
        )
    missing = [] if text is None else missing_in_text(text)
    if missing:
        found[f"text {missing}"] = (
            f"I no longer have the permission {listed(missing)} in {text.mention if text else 'the text channel'}, "
            "so lines and pictures may be missing.",
            "I can write everything down again.",
        )
    state = voice.guild.me.voice
    if state is not None and (state.mute or state.suppress):
        found["muted"] = (
            "I was muted on this server, so nobody hears the voicebot. A moderator can unmute me.",
            "I am no longer muted.",
        )
    if state is not None and state.deaf:
        found["deafened"] = (
            "I was deafened on this server, so the voicebot hears nobody. A moderator can undo it.",
            "I am no longer deafened.",
        )
    return found

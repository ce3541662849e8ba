"""What the bot needs in its channels, by Discord's own names, and what is missing of it; also in mid-call.

Source: https://discord.com/developers/docs/topics/permissions
"""

from collections.abc import Iterable
from typing import Any

import discord

from bot.errors import Refused
from bot.language import Text, say

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


def check_text(guild: discord.Guild, channel_id: int) -> None:
    """Refused when what is said could not be written into a channel of this server: people must read that they are
    heard, and nothing of them may appear elsewhere."""
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        raise Refused(
            say(
                "The text channel in this server's settings is gone, or an archived thread, or I cannot see it. "
                "`/voicebot setup` lets an admin choose another one."
            )
        )
    missing = missing_in_text(channel)
    if missing:
        raise Refused(needed_in_text(missing, channel.mention))


def check_voice(channel: VoiceChannel) -> None:
    """Refused, naming each permission that the bot lacks in a voice channel, or that it is full."""
    missing = missing_in_voice(channel)
    if missing:
        raise Refused(needed_in_voice(missing, channel.mention))
    full = channel.user_limit and len(channel.voice_states) >= channel.user_limit
    if full and not channel.permissions_for(channel.guild.me).move_members:
        raise Refused(say("{channel} is full. Raise its user limit or make room for me.", channel=channel.mention))


def needed_in_voice(missing: Iterable[str], channel: str) -> Text:
    """What an admin is to grant, so that the bot can hear and speak in a channel, given as a mention."""
    return say(
        "I need the permission {permissions} in {channel}. "
        "An admin can grant it in the channel's settings, under Permissions.",
        permissions=listed(missing),
        channel=channel,
    )


def needed_in_text(missing: Iterable[str], channel: str) -> Text:
    """The same, so that it can write."""
    return say(
        "I need the permission {permissions} in {channel}, "
        "so that I can write down what is said. An admin can grant it in the channel's settings.",
        permissions=listed(missing),
        channel=channel,
    )


#: What keeps both sides from hearing each other while every permission is there.
MUTED = say("I was muted on this server, so nobody hears the voicebot. A moderator can unmute me.")
DEAFENED = say("I was deafened on this server, so the voicebot hears nobody. A moderator can undo it.")


def listed(names: Iterable[str]) -> str:
    """`**Connect**, **Speak**`."""
    return ", ".join(f"**{name}**" for name in names)


class Hindrances:
    """What keeps a running call from working: each is said once, once more when it grows, and when it is over."""

    def __init__(self) -> None:
        self._told: dict[str, frozenset[str]] = {}  # by kind: the names that people were told of

    def update(self, voice: VoiceChannel, text: Any | None) -> tuple[list[Text], list[Text]]:
        """Look again: what people should be told is wrong, and what is well again.

        A channel that is gone, and a bot that is in no voice channel, say nothing new.
        """
        found = {"voice": frozenset(missing_in_voice(voice))}
        if text is not None:
            found["text"] = frozenset(missing_in_text(text))
        state = voice.guild.me.voice
        if state is not None:
            found["muted"] = frozenset({"muted"} if state.mute else ())
            found["suppressed"] = frozenset({"suppressed"} if state.suppress else ())
            found["deafened"] = frozenset({"deafened"} if state.deaf else ())
        wrong, well = [], []
        for kind, names in found.items():
            told = self._told.get(kind, frozenset())
            if names - told:
                wrong.append(_warning(kind, sorted(names), voice, text))
            elif told and not names:
                well.append(_good_news(kind, voice))
            self._told[kind] = names
        return wrong, well


def _warning(kind: str, names: list[str], voice: VoiceChannel, text: Any | None) -> Text:
    if kind == "voice":
        return say(
            "I no longer have the permission {permissions} in {channel}, so the call may not work.",
            permissions=listed(names),
            channel=voice.mention,
        )
    if kind == "text":
        return say(
            "I no longer have the permission {permissions} in {channel}, so lines and pictures may be missing.",
            permissions=listed(names),
            channel=say("the text channel") if text is None else text.mention,
        )
    return {
        "muted": MUTED,
        "suppressed": say("I am no speaker on this stage, so nobody hears the voicebot. A moderator can invite me."),
        "deafened": DEAFENED,
    }[kind]


def _good_news(kind: str, voice: VoiceChannel) -> Text:
    return {
        "voice": say("I have the permissions I need in {channel} again.", channel=voice.mention),
        "text": say("I can write everything down again."),
        "muted": say("I am no longer muted."),
        "suppressed": say("I may speak on this stage again."),
        "deafened": say("I am no longer deafened."),
    }[kind]

"""What the bot needs in its channels, by Discord's own names, and what is missing of it; also in mid-call.

Source: https://discord.com/developers/docs/topics/permissions
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import discord

from bot.errors import Refused
from bot.language import Text, say

from .voice_channel import VoiceChannel, is_at_user_limit


def missing_in_voice(channel: VoiceChannel) -> list[str]:
    """Return the permissions that the bot lacks to hear and to be heard in a voice channel."""
    permissions = channel.permissions_for(channel.guild.me)
    needed = {
        "View Channel": permissions.view_channel,
        "Connect": permissions.connect,
        "Speak": permissions.speak,
        "Use Voice Activity": permissions.use_voice_activation,
    }
    missing = [name for name, granted in needed.items() if not granted]
    # Without either of these Discord grants none of the others, whatever is set for them.
    root = next((name for name in ("View Channel", "Connect") if name in missing), None)
    return missing if root is None else [root]


def missing_in_text(channel: Any) -> list[str]:
    """Return the permissions that the bot lacks to write down what is said; `channel` is any that messages can go
    to."""
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
    """Raise Refused when the bot cannot write into a text channel, or it is not on this server: people must read there
    that they are heard, and what they say may not appear on another server."""
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        raise Refused(
            say(
                "The text channel in this server's settings is gone, or an archived thread, or I cannot see it. "
                "`/voicebot setup` lets an admin choose another one."
            )
        )
    if isinstance(channel, discord.CategoryChannel | discord.ForumChannel):  # nothing can be written into it
        raise Refused(
            say(
                "{channel} is not a channel that messages can be sent to. `/voicebot setup` lets an admin choose "
                "another one.",
                channel=channel.mention,
            )
        )
    if is_locked(channel):
        raise Refused(say("{channel} is locked, so I cannot write down what is said there.", channel=channel.mention))
    missing = missing_in_text(channel)
    if missing:
        raise Refused(needed_in_text(missing, channel.mention))


def is_locked(channel: Any) -> bool:
    """Whether a channel is a thread that a moderator has locked, and that the bot may not write into all the same."""
    if not isinstance(channel, discord.Thread) or not channel.locked:
        return False
    return not channel.permissions_for(channel.guild.me).manage_threads


def check_not_timed_out(guild: discord.Guild) -> None:
    """Raise Refused while a moderator has timed the bot out: it has its permissions, and Discord grants none of
    them."""
    until = timed_out_until(guild)
    if until is not None:
        raise Refused(timed_out(until))


def timed_out_until(guild: discord.Guild) -> datetime | None:
    """Return until when the bot is timed out on a server; None when it is not."""
    until = guild.me.timed_out_until
    return until if until is not None and until > datetime.now(UTC) else None


def timed_out(until: datetime) -> Text:
    """Return what people are told of a bot that is timed out."""
    return say(
        "A moderator has timed me out on this server until {until}, so I can neither join nor write.",
        until=discord.utils.format_dt(until),
    )


def check_voice(channel: VoiceChannel) -> None:
    """Raise Refused when a voice channel lacks a permission of the bot's, is full, or is one in which nobody can
    speak."""
    afk = channel.guild.afk_channel
    if afk is not None and afk.id == channel.id:
        raise Refused(
            say(
                "{channel} is this server's AFK channel, in which Discord lets nobody speak. Choose another one.",
                channel=channel.mention,
            )
        )
    missing = missing_in_voice(channel)
    if missing:
        raise Refused(needed_in_voice(missing, channel.mention))
    if is_full(channel):
        raise Refused(say("{channel} is full. Raise its user limit or make room for me.", channel=channel.mention))


def is_full(channel: VoiceChannel) -> bool:
    """Return whether a channel has no room for the bot, which may always join if it can move members or manage it."""
    permissions = channel.permissions_for(channel.guild.me)
    return is_at_user_limit(channel) and not (permissions.move_members or permissions.manage_channels)


def needed_in_voice(missing: Iterable[str], channel: str) -> Text:
    """Return what an admin is to grant so that the bot can hear and speak in a channel, given as a mention."""
    return say(
        "I need the permission {permissions} in {channel}. "
        "An admin can grant it in the channel's settings, under Permissions.",
        permissions=listed(missing),
        channel=channel,
    )


def needed_in_text(missing: Iterable[str], channel: str) -> Text:
    """Return what an admin is to grant so that the bot can write in a channel, given as a mention."""
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
    """Return permissions' names as people read them: `**Connect**, **Speak**`."""
    return ", ".join(f"**{name}**" for name in names)


class PermissionMonitor:
    """Watches the permissions of a running call. Each problem is reported once, again when it grows, and when it is
    solved."""

    def __init__(self) -> None:
        self._told: dict[str, frozenset[str]] = {}  # by kind: the names that people were told of

    def update(self, voice: VoiceChannel, text: Any | None) -> tuple[list[Text], list[Text]]:
        """Look again; return what people should be told is wrong, and what works again.

        Nothing is reported about a channel that is gone, or while the bot is in no voice channel.
        """
        found = {"voice": frozenset(missing_in_voice(voice))}
        if text is not None:
            found["text"] = frozenset(missing_in_text(text))
        yes_or_no = {} if text is None else {"locked": is_locked(text)}
        yes_or_no["timed out"] = timed_out_until(voice.guild) is not None
        state = voice.guild.me.voice
        if state is not None:
            yes_or_no |= {"muted": state.mute, "suppressed": state.suppress, "deafened": state.deaf}
        found |= {kind: frozenset({kind} if there else ()) for kind, there in yes_or_no.items()}
        wrong, well = [], []
        for kind, names in found.items():
            told = self._told.get(kind, frozenset())
            if names - told:
                wrong.append(_warning(kind, sorted(names), voice, text))
            elif told and not names:
                well.append(_good_news(kind, voice))
            self._told[kind] = names
        return wrong, well


def _warning(kind: str, names: list[str], voice: VoiceChannel, text: Any) -> Text:
    """Return what people are told; `text` is None for a text channel that is gone, of which nothing is found."""
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
            channel=text.mention,
        )
    if kind == "timed out":
        until = timed_out_until(voice.guild)
        return say("A moderator has timed me out on this server.") if until is None else timed_out(until)
    return {
        "locked": say("The thread for the transcript was locked, so nothing more is written there."),
        "muted": MUTED,
        "suppressed": say("I am not a speaker on this stage, so nobody hears the voicebot. A moderator can invite me."),
        "deafened": DEAFENED,
    }[kind]


def _good_news(kind: str, voice: VoiceChannel) -> Text:
    return {
        "voice": say("I have the permissions I need in {channel} again.", channel=voice.mention),
        "text": say("I can write everything down again."),
        "locked": say("I can write everything down again."),
        "timed out": say("I am no longer timed out."),
        "muted": say("I am no longer muted."),
        "suppressed": say("I may speak on this stage again."),
        "deafened": say("I am no longer deafened."),
    }[kind]

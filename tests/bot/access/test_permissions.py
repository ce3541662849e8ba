"""What the bot lacks, by name; and in mid-call, each thing once."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.access.permissions import (
    PermissionMonitor,
    check_not_timed_out,
    check_voice,
    missing_in_text,
    missing_in_voice,
)
from bot.errors import Refused


class Channel:
    """A channel in which the bot has all permissions but some."""

    mention = "#lounge"

    def __init__(self, *lacking: str, state: Any = None) -> None:
        self.user_limit = 0
        self.voice_states: Any = {}
        self.lacking = list(lacking)
        self.id = 7
        self.guild = SimpleNamespace(me=SimpleNamespace(voice=state, id=99, timed_out_until=None), afk_channel=None)

    def permissions_for(self, member: Any) -> discord.Permissions:
        permissions = discord.Permissions.all()
        permissions.update(**dict.fromkeys(self.lacking, False))
        return permissions


def channel(*lacking: str, state: Any = None) -> Any:
    return Channel(*lacking, state=state)


@pytest.mark.parametrize(
    ("lacking", "name"),
    [
        ("view_channel", "View Channel"),
        ("connect", "Connect"),
        ("speak", "Speak"),
        ("use_voice_activation", "Use Voice Activity"),
    ],
)
def test_each_is_named(lacking: str, name: str) -> None:
    assert missing_in_voice(channel(lacking)) == [name]
    with pytest.raises(Refused, match=rf"permission \*\*{name}\*\* in #lounge"):
        check_voice(channel(lacking))


def test_a_full_channel_is_refused_unless_the_bot_may_move_members() -> None:
    full = channel("move_members", "manage_channels")
    full.user_limit, full.voice_states = 2, {1: None, 2: None}
    with pytest.raises(Refused, match="is full"):
        check_voice(full)
    for either in ("move_members", "manage_channels"):
        full.lacking = [either]
        check_voice(full)


def test_the_bots_own_seat_is_no_seat_that_is_taken() -> None:
    """An echo test is just ending where a call is to begin."""
    full = channel("move_members", "manage_channels")
    full.user_limit, full.voice_states = 2, {1: None, 99: None}
    check_voice(full)


def test_the_afk_channel_is_refused_before_anything_costs() -> None:
    quiet = channel()
    quiet.guild.afk_channel = SimpleNamespace(id=7)
    with pytest.raises(Refused, match="AFK channel"):
        check_voice(quiet)


def test_what_follows_from_another_permission_is_not_named() -> None:
    """Discord takes Speak and the like away where Connect is denied."""
    assert missing_in_voice(channel("connect", "speak", "use_voice_activation")) == ["Connect"]
    assert missing_in_voice(channel("view_channel", "connect", "speak")) == ["View Channel"]
    assert missing_in_voice(channel("speak", "use_voice_activation")) == ["Speak", "Use Voice Activity"]


def test_a_bot_that_was_timed_out_says_so() -> None:
    guild = channel().guild
    check_not_timed_out(guild)
    guild.me.timed_out_until = datetime.now(UTC) + timedelta(minutes=5)
    with pytest.raises(Refused, match="timed me out"):
        check_not_timed_out(guild)
    guild.me.timed_out_until = datetime.now(UTC) - timedelta(minutes=5)
    check_not_timed_out(guild)


def test_what_a_text_channel_needs() -> None:
    assert missing_in_text(channel("send_messages", "embed_links")) == ["Send Messages", "Embed Links"]
    assert missing_in_text(channel("send_messages_in_threads")) == []


def test_each_hindrance_is_told_once_and_once_more_when_it_is_over() -> None:
    monitor, voice, text = PermissionMonitor(), channel(), channel()
    assert monitor.update(voice, text) == ([], [])
    voice.lacking.append("speak")
    (warning,), over = monitor.update(voice, text)
    assert "**Speak**" in warning
    assert over == []
    assert monitor.update(voice, text) == ([], [])
    voice.lacking.clear()
    text.lacking.append("embed_links")
    (warning,), (good_news,) = monitor.update(voice, text)
    assert "**Embed Links**" in warning
    assert "again" in good_news
    text.lacking.clear()
    assert monitor.update(voice, None)[0] == []


def _state(**flags: bool) -> Any:
    return SimpleNamespace(**{"mute": False, "deaf": False, "suppress": False, **flags})


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("mute", "I was muted on this server"),
        ("deaf", "I was deafened on this server"),
        ("suppress", "I am not a speaker on this stage"),
    ],
)
def test_a_bot_that_is_muted_deafened_or_no_speaker(flag: str, words: str) -> None:
    (warning,), _ = PermissionMonitor().update(channel(state=_state(**{flag: True})), channel())
    assert words in warning


def test_one_more_that_is_missing_is_no_good_news() -> None:
    monitor, voice = PermissionMonitor(), channel("speak")
    monitor.update(voice, None)
    voice.lacking.append("connect")
    (warning,), over = monitor.update(voice, None)
    assert "**Connect**" in warning
    assert over == []
    voice.lacking.remove("speak")
    assert monitor.update(voice, None) == ([], [])  # not all of them are back


def test_a_bot_that_has_left_is_not_unmuted_by_that() -> None:
    monitor = PermissionMonitor()
    monitor.update(channel(state=_state(mute=True)), channel("embed_links"))
    assert monitor.update(channel(state=None), None) == ([], [])

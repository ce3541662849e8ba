"""Whose words a line is said to be: names where they are known, never more than fit before a line."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.text import MESSAGE_LIMIT
from plugins.transcript.plugin import MAX_NAMES, TranscriptPlugin


class Channel:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, content: str, **_: Any) -> None:
        assert len(content) <= MESSAGE_LIMIT
        self.sent.append(content)


async def _write(text: str, members: dict[int, str], speakers: tuple[int, ...]) -> list[str]:
    channel = Channel()
    found = {user_id: SimpleNamespace(display_name=name, name=f"user{user_id}") for user_id, name in members.items()}
    host = SimpleNamespace(
        get_channel=lambda channel_id: channel,
        get_guild=lambda guild_id: SimpleNamespace(get_member=found.get),
        name_of=lambda guild_id, user_id: members.get(user_id),
    )
    plugin = TranscriptPlugin(cast(Any, host))
    plugin.settings = lambda guild_id: TranscriptPlugin.Settings()  # type: ignore[method-assign]
    plugin.language = lambda guild_id: "en"  # type: ignore[method-assign]
    here = SimpleNamespace(voice_states=dict.fromkeys(members))
    call: Any = SimpleNamespace(id="c", guild_id=1, text_channel_id=2, channel=here)
    line: Any = SimpleNamespace(final=True, role="user", late=False, text=text, speakers=speakers)
    await plugin.on_transcript(call, line)
    return channel.sent


async def test_those_it_may_have_been() -> None:
    assert await _write("hi", {1: "Ann", 2: "Bob"}, (1, 2)) == ["**Ann and Bob:** hi"]


async def test_someone_the_bot_does_not_know_is_still_a_link() -> None:
    assert await _write("hi", {1: "Ann"}, (1, 77)) == ["**Ann and <@77>:** hi"]


async def test_nobody_is_guessed() -> None:
    assert await _write("hi", {}, ()) == ["**Someone:** hi"]


async def test_a_crowd_with_the_longest_names_leaves_room_for_the_words() -> None:
    crowd = dict.fromkeys(range(1, 100), "W" * 32)
    words = " ".join(f"word{number}" for number in range(600))
    lines = await _write(words, crowd, tuple(crowd))
    assert f"and {len(crowd) - MAX_NAMES} others:** " in lines[0]
    assert " ".join(line.split(":** ", 1)[1] for line in lines) == words


async def test_two_of_one_name_are_told_apart() -> None:
    assert await _write("hi", {1: "Ann", 2: "ann", 3: "Bob"}, (1,)) == ["**Ann (user1):** hi"]
    assert await _write("hi", {1: "Ann", 2: "ann", 3: "Bob"}, (3,)) == ["**Bob:** hi"]


async def test_a_name_that_shows_nothing_is_someones() -> None:
    assert await _write("hi", {1: "\u3164"}, (1,)) == ["**someone:** hi"]


class Strict(Channel):
    """A channel whose server refuses some of what is sent."""

    def __init__(self, code: int, refuses: Callable[[str, discord.Embed | None], bool]) -> None:
        super().__init__()
        self.code = code
        self.refuses = refuses
        self.embeds: list[discord.Embed] = []

    async def send(self, content: str = "", *, embed: discord.Embed | None = None, **_: Any) -> None:
        if self.refuses(content, embed):
            response: Any = SimpleNamespace(status=400, reason="Bad Request")
            raise discord.HTTPException(response, {"code": self.code, "message": "no"})
        if embed is not None:
            self.embeds.append(embed)
        else:
            await super().send(content)


def _speaking(channel: Channel, avatar: str | None) -> tuple[TranscriptPlugin, Any, Any]:
    host = SimpleNamespace(get_channel=lambda channel_id: channel, get_guild=lambda guild_id: None)
    plugin = TranscriptPlugin(cast(Any, host))
    plugin.settings = lambda guild_id: TranscriptPlugin.Settings()  # type: ignore[method-assign]
    plugin.language = lambda guild_id: "en"  # type: ignore[method-assign]
    session = SimpleNamespace(avatar_url=avatar)
    call: Any = SimpleNamespace(id="c", guild_id=1, text_channel_id=2, voicebot_name="Guide", session=session)
    line: Any = SimpleNamespace(final=True, role="voicebot", late=False, text="hello", speakers=())
    return plugin, call, line


AVATAR = "https://images.valsea.example/a.png"


PICTURES = {AVATAR: True, f"{AVATAR}{'a' * 2100}": False, "http://localhost/a.png": False, None: False}


@pytest.mark.parametrize(("avatar", "shown"), PICTURES.items())
async def test_a_picture_that_could_not_be_shown_is_left_out(avatar: str | None, shown: bool) -> None:
    channel = Strict(50035, lambda content, embed: False)
    plugin, call, line = _speaking(channel, avatar)
    await plugin.on_transcript(call, line)
    (embed,) = channel.embeds
    assert (embed.description, embed.author.name) == ("hello", "Guide")
    assert embed.author.icon_url == (avatar if shown else None)


async def test_a_picture_that_discord_refuses_costs_nobody_the_words() -> None:
    tried: list[bool] = []

    def refuses(content: str, embed: discord.Embed | None) -> bool:
        tried.append(embed is not None and embed.author.icon_url is not None)
        return tried[-1]

    channel = Strict(50035, refuses)
    plugin, call, line = _speaking(channel, AVATAR)
    for _ in range(3):
        await plugin.on_transcript(call, line)
    assert [embed.description for embed in channel.embeds] == ["hello"] * 3
    assert tried == [True, False, False, False]  # and it is not tried for every line


async def test_where_no_embed_is_taken_the_words_come_plain() -> None:
    channel = Strict(50035, lambda content, embed: embed is not None)
    plugin, call, line = _speaking(channel, AVATAR)
    await plugin.on_transcript(call, line)
    assert channel.sent == ["**Guide:** hello"]


async def test_a_line_that_a_filter_refuses_is_mentioned_once() -> None:
    channel = Strict(200000, lambda content, embed: "hello" in content or embed is not None)
    plugin, call, line = _speaking(channel, None)
    for _ in range(3):
        await plugin.on_transcript(call, line)
    assert channel.sent == ["*A line was refused by this server's AutoMod rules, so it is missing here.*"]

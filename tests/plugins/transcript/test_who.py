"""Whose words a line is said to be: names where they are known, never more than fit before a line."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.text import MESSAGE_LIMIT
from plugins.transcript.plugin import MOST_NAMES, TranscriptPlugin


class Channel:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, content: str, **_: object) -> None:
        assert len(content) <= MESSAGE_LIMIT
        self.sent.append(content)


async def _write(text: str, members: dict[int, str], speakers: tuple[int, ...]) -> list[str]:
    channel = Channel()
    found = {user_id: SimpleNamespace(display_name=name) for user_id, name in members.items()}
    plugin: Any = SimpleNamespace(
        settings=lambda guild_id: TranscriptPlugin.Settings(),
        host=SimpleNamespace(
            get_channel=lambda channel_id: channel, get_guild=lambda guild_id: SimpleNamespace(get_member=found.get)
        ),
        language=lambda guild_id: "en",
        _caught_up=set(),
    )
    plugin._who = lambda call, who: TranscriptPlugin._who(plugin, call, who)
    call: Any = SimpleNamespace(id="c", guild_id=1, text_channel_id=2)
    line: Any = SimpleNamespace(final=True, role="user", late=False, text=text, speakers=speakers)
    await TranscriptPlugin.on_transcript(cast(TranscriptPlugin, plugin), call, line)
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
    assert f"and {len(crowd) - MOST_NAMES} others:** " in lines[0]
    assert " ".join(line.split(":** ", 1)[1] for line in lines) == words


@pytest.mark.parametrize(
    ("avatar", "shown"),
    [
        ("https://images.valsea.example/a.png", True),
        ("https://images.valsea.example/" + "a" * 2100, False),
        ("http://localhost/a.png", False),
        (None, False),
    ],
)
def test_a_picture_that_discord_would_refuse_costs_nobody_the_words(avatar: str | None, shown: bool) -> None:
    call: Any = SimpleNamespace(voicebot_name="Guide", session=SimpleNamespace(avatar_url=avatar))
    embed = TranscriptPlugin._spoken_by_voicebot(call, "hello")
    assert (embed.description, embed.author.name) == ("hello", "Guide")
    assert embed.author.icon_url == (avatar if shown else None)

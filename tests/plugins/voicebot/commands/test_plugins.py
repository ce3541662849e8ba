"""`/voicebot plugins`: what there is, switched on and off by admins, reloaded by the operator."""

import pytest

from bot.errors import PluginError
from tests.plugins.voicebot.commands.host import Server


async def test_everybody_sees_what_the_bot_can_do(server: Server) -> None:
    lines = (await server.type(server.ben, "voicebot plugins list")).splitlines()
    assert {line.split("**")[1]: line[0] for line in lines} == {
        "autojoin": "⚪",
        "images": "🟢",
        "transcript": "🟢",
        "valsea": "🟢",
        "voicebot": "🟢",
    }
    about = await server.type(server.ben, "voicebot plugins info", name="transcript")
    assert "**transcript**" in about
    assert "Keeps:" in about
    assert await server.choices(server.ben, "voicebot plugins info", "name", "im") == ["images"]


async def test_an_admin_switches_a_plugin_off_and_on(server: Server) -> None:
    answer = await server.type(server.ann, "voicebot plugins disable", name="images")
    assert answer == "**images** is off from the next call on."
    assert server.own_settings() == {"plugins": {"images": {"enabled": False}}}
    await server.type(server.ann, "voicebot plugins enable", name="images")
    assert server.own_settings() == {"plugins": {"images": {"enabled": True}}}


@pytest.mark.parametrize(
    ("command", "name", "answer"),
    [
        ("disable", "voicebot", "Without `voicebot` there would be no command to enable it again."),
        ("enable", "dice", "There is no plugin `dice`. There are:"),
        ("disable", "valsea", "Only the bot's operator can switch `valsea` on or off."),
    ],
)
async def test_what_cannot_be_switched(server: Server, command: str, name: str, answer: str) -> None:
    assert answer in await server.type(server.ann, f"voicebot plugins {command}", name=name)
    assert server.own_settings() == {}


async def test_nobody_else_switches_plugins(server: Server) -> None:
    assert "Only people who can manage this server can do that." in await server.type(
        server.ben, "voicebot plugins disable", name="images"
    )
    assert server.own_settings() == {}


async def test_only_the_operator_reloads_code(server: Server) -> None:
    assert (
        await server.type(server.ann, "voicebot plugins reload", name="images")
        == "Only the bot's operator can do that."
    )
    assert server.bot.reloaded == []
    server.bot.owner_id = server.ann.id
    answer = await server.type(server.ann, "voicebot plugins reload", name="images")
    assert answer.startswith("**images** ")
    assert server.bot.reloaded == ["images"]


async def test_why_code_was_not_reloaded_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(name: str) -> None:
        raise PluginError(f"{name} was not reloaded: line 3")

    server.bot.owner_id = server.ann.id
    monkeypatch.setattr(server.bot, "reload_plugin", fails)
    assert "line 3" in await server.type(server.ann, "voicebot plugins reload", name="images")

"""Commands go to Discord when they have changed, and again when Discord had trouble."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.commands.sync import CommandSync
from bot.plugin_host.discovery import OURS
from bot.testing.discord_parts import refusal
from tests.support import eventually


class Tree:
    """Keeps what is put in; `answers` are raised one after the other, then everything is taken."""

    def __init__(self, *names: str) -> None:
        self.commands = [command(name) for name in names]
        self.answers: list[Exception] = []
        self.sent: list[list[str]] = []
        self.translator: Any = None

    def get_commands(self) -> list[Any]:
        return list(self.commands)

    def get_command(self, name: str) -> Any:
        return next((known for known in self.commands if known.name == name), None)

    def add_command(self, added: Any) -> None:
        self.commands.append(added)

    def remove_command(self, name: str) -> None:
        self.commands = [known for known in self.commands if known.name != name]

    async def sync(self) -> list[Any]:
        self.sent.append(sorted(known.name for known in self.commands))
        if self.answers:
            raise self.answers.pop(0)
        return self.commands


def command(name: str) -> Any:
    return SimpleNamespace(name=name, to_dict=lambda tree: {"type": 1, "name": name})


def sync_of(tree: Tree, guests: dict[str, Any] | None = None) -> CommandSync:
    catalog = SimpleNamespace(found={name: SimpleNamespace(origin="a folder") for name in guests or {}}, broken=[])
    catalog.found["voicebot"] = SimpleNamespace(origin=OURS)
    plugins: Any = SimpleNamespace(catalog=catalog, instances=guests or {})
    known: Any = tree
    return CommandSync(known, plugins)


def guest(of: Any) -> Any:
    return SimpleNamespace(app_command=None, get_app_commands=lambda: [of])


async def test_only_what_has_changed_is_sent() -> None:
    """A reload takes a plugin's commands out and puts them in again, behind all others."""
    tree = Tree("voicebot", "dice")
    sync = sync_of(tree)
    await sync.sync()
    tree.commands.reverse()
    await sync.sync()
    assert tree.sent == [["dice", "voicebot"]]
    tree.add_command(command("cards"))
    await sync.sync()
    assert len(tree.sent) == 2


async def test_what_has_another_name_in_some_language_alone_is_sent() -> None:
    tree = Tree("voicebot")
    words = {"de": "würfeln"}

    async def payload(tree: Any, translator: Any) -> dict[str, Any]:
        return {"type": 1, "name": "voicebot", "name_localizations": dict(words)}

    tree.commands[0].get_translated_payload = payload
    tree.translator = object()
    sync = sync_of(tree)
    await sync.sync()
    await sync.sync()
    assert len(tree.sent) == 1
    words["de"] = "wirf"  # a reload has read it
    await sync.sync()
    assert len(tree.sent) == 2


async def test_when_discord_has_trouble_the_bot_starts_and_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.sync.RETRY_INTERVAL", 0.01)
    tree = Tree("voicebot")
    tree.answers = [refusal(503, "upstream"), refusal(429, "enough"), OSError("gone")]
    sync = sync_of(tree)
    await sync.sync_accepted()
    await eventually(lambda: len(tree.sent) == 4)
    await asyncio.sleep(0.05)
    assert len(tree.sent) == 4
    await sync.close()


async def test_it_is_not_tried_any_more_when_the_bot_goes() -> None:
    tree = Tree("voicebot")
    tree.answers = [refusal(503, "upstream")]
    sync = sync_of(tree)
    before = asyncio.all_tasks()
    await sync.sync_accepted()
    await sync.close()
    assert asyncio.all_tasks() == before


async def test_trouble_in_the_middle_takes_nobodys_commands_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.sync.RETRY_INTERVAL", 0.01)
    tree = Tree("voicebot", "dice", "cards")
    plugins = {name: guest(tree.get_command(name)) for name in ("dice", "cards")}
    refused: Any = app_commands.CommandSyncFailure.__new__(app_commands.CommandSyncFailure)
    response: Any = SimpleNamespace(status=400, reason="Bad Request")
    discord.HTTPException.__init__(refused, response, "bad name")
    tree.answers = [refused, refusal(503, "upstream")]
    sync = sync_of(tree, plugins)
    await sync.sync_accepted()
    assert sorted(known.name for known in tree.commands) == ["cards", "dice", "voicebot"]
    await eventually(lambda: len(tree.sent) == 3)
    assert tree.sent[-1] == ["cards", "dice", "voicebot"]
    await sync.close()


async def test_an_answer_that_is_lost_is_no_answer() -> None:
    """Discord may have taken what was sent: what was there before is sent as well, when it is to be there again."""
    tree = Tree("voicebot")
    sync = sync_of(tree)
    await sync.sync()
    tree.add_command(command("dice"))
    tree.answers = [OSError("gone")]
    with contextlib.suppress(OSError):
        await sync.sync()
    tree.remove_command("dice")
    await sync.sync()
    assert tree.sent == [["voicebot"], ["dice", "voicebot"], ["voicebot"]]


async def test_twice_in_trouble_it_tries_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree("voicebot")
    tree.answers = [refusal(503, "upstream")] * 2
    sync = sync_of(tree)
    before = asyncio.all_tasks()
    await sync.sync_accepted()
    await sync.sync_accepted()
    assert len(asyncio.all_tasks() - before) == 1
    await sync.close()
    assert asyncio.all_tasks() == before


async def test_a_network_that_is_away_at_the_start_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.sync.RETRY_INTERVAL", 0.01)
    tree = Tree("voicebot")
    tree.answers = [ConnectionResetError("gone")]
    sync = sync_of(tree)
    await sync.sync_accepted()
    await eventually(lambda: len(tree.sent) == 2)
    await sync.close()

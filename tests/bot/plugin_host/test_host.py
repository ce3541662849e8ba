"""Plugins at work: put in place, replaced under a running call, taken away when unused."""

import asyncio
from types import SimpleNamespace
from typing import Any, ClassVar

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from discord.ext.commands import Bot as DiscordBot

from bot.call.events import LineSaid, TranscriptLine
from bot.errors import PluginError
from bot.plugin_host import host as host_module
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.discovery import Discovery
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Plugin
from tests.support import eventually


class Bot:
    """What the host needs of the bot: a place for cogs."""

    def __init__(self) -> None:
        self.placed: dict[str, commands.Cog] = {}
        self.calls = SimpleNamespace(config_of=lambda guild_id: None)
        self.config = SimpleNamespace(plugin=lambda guild_id, name, model: model())

    def get_cog(self, name: str) -> commands.Cog | None:
        return self.placed.get(name)

    async def add_cog(self, cog: commands.Cog) -> None:
        self.placed[cog.qualified_name] = cog

    async def remove_cog(self, name: str) -> commands.Cog | None:
        return self.placed.pop(name, None)


class RealBot(DiscordBot):
    """discord.py's own, with what a plugin's settings need."""

    def __init__(self) -> None:
        super().__init__(command_prefix="!", intents=discord.Intents.none(), help_command=None)
        self.calls = SimpleNamespace(config_of=lambda guild_id: None)
        self.config = SimpleNamespace(plugin=lambda guild_id, name, model: model())


class Dice(Plugin[Any], name="Dice"):
    """Notes what becomes of it; `fails` names the moment at which it raises."""

    name = "dice"
    version = 1
    fails: ClassVar[str] = ""
    log: ClassVar[list[str]] = []

    @app_commands.command(description="Roll")
    async def roll(self, interaction: Any) -> None: ...

    def _note(self, what: str) -> None:
        self.log.append(f"{what} {self.version}")
        if what == self.fails:
            raise ValueError(what)

    async def on_load(self) -> None:
        self._note("load")

    async def on_unload(self) -> None:
        self._note("unload")

    async def on_transcript(self, call: Any, line: TranscriptLine) -> None:
        self._note(line.text)

    async def on_call_ended(self, receipt: Any) -> None:
        self._note("ended")


@pytest.fixture
def log() -> list[str]:
    Dice.log.clear()
    return Dice.log


def second(**changes: Any) -> type[Plugin[Any]]:
    """The next version of the plugin."""
    return type("Dice", (Dice,), {"version": 2, **changes}, name="Dice")


def host() -> tuple[PluginHost, Bot]:
    bot: Any = Bot()
    catalog = Catalog(Discovery())
    catalog.put("dice", Dice)
    return PluginHost(bot, catalog, announced=False), bot


CALL: Any = SimpleNamespace(id="c1", guild_id=7, closing=object())
RECEIPT: Any = SimpleNamespace(call_id="c1", guild_id=7)


def say(plugins: PluginHost, text: str, call: Any = CALL) -> None:
    plugins.dispatcher.publish(call, LineSaid(TranscriptLine("user", text, True)))


async def test_it_is_put_in_place_and_taken_away(log: list[str]) -> None:
    plugins, bot = host()
    await plugins.start()
    assert isinstance(bot.get_cog("dice"), Dice)
    await plugins.stop()
    assert log == ["load 1", "unload 1"]


async def test_it_sees_the_bot_as_plugins_may(log: list[str]) -> None:
    plugins, bot = host()
    await plugins.start()
    seen = plugins.instances["dice"].host
    assert seen.plugins.newest is bot.get_cog("dice")
    with pytest.raises(AttributeError, match="no 'placed'"):
        _ = seen.placed  # type: ignore[attr-defined]
    await plugins.stop()


async def test_one_that_cannot_be_loaded_is_left_out(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dice, "fails", "load")
    plugins, bot = host()
    await plugins.start()
    assert plugins.instances == {}
    assert bot.placed == {}
    assert [broken.reason for broken in plugins.catalog.broken] == ["ValueError: load"]


async def test_a_running_call_keeps_the_instance_it_began_with(log: list[str]) -> None:
    plugins, bot = host()
    await plugins.start()
    old = plugins.instances["dice"]
    await plugins.dispatcher.starting(CALL)
    say(plugins, "before")
    await plugins.replace("dice", second())
    assert bot.get_cog("dice") is plugins.instances["dice"] is not old  # commands are the new one's at once
    say(plugins, "after")
    other: Any = SimpleNamespace(id="c2", guild_id=7, closing=None)
    await plugins.dispatcher.starting(other)
    say(plugins, "elsewhere", other)
    await plugins.dispatcher.finished(other)
    await plugins.dispatcher.finished(CALL)
    assert "unload 1" not in log  # its receipt is still to come
    assert await plugins.dispatcher.ended(RECEIPT)
    await eventually(lambda: log[-1] == "unload 1")
    expected = ["load 1", "load 2", "before 1", "after 1", "elsewhere 2", "ended 1", "unload 1"]
    assert sorted(log) == sorted(expected)  # each once; two queues, so no order between them
    await plugins.stop()
    assert log[-1] == "unload 2"


async def test_without_a_call_the_old_one_goes_at_once(log: list[str]) -> None:
    plugins, _ = host()
    await plugins.start()
    await plugins.replace("dice", second())
    await eventually(lambda: log == ["load 1", "load 2", "unload 1"])
    await plugins.stop()


async def test_one_that_cannot_take_its_place_leaves_the_old_one_there(log: list[str]) -> None:
    plugins, bot = host()
    await plugins.start()
    old = plugins.instances["dice"]
    with pytest.raises(PluginError, match="ValueError: load"):
        await plugins.replace("dice", second(fails="load"))
    assert plugins.instances["dice"] is old
    assert bot.get_cog("dice") is old
    await plugins.dispatcher.starting(CALL)
    say(plugins, "still here")
    await plugins.dispatcher.finished(CALL)
    assert "still here 1" in log
    await plugins.stop()


async def test_the_old_ones_commands_answer_until_the_new_one_is_loaded(log: list[str]) -> None:
    plugins, bot = host()
    await plugins.start()
    old, seen = plugins.instances["dice"], []

    class Slow(Dice, name="Dice"):
        version = 2

        async def on_load(self) -> None:
            seen.append(bot.get_cog("dice"))

    await plugins.replace("dice", Slow)
    assert seen == [old]
    assert bot.get_cog("dice") is plugins.instances["dice"] is not old
    await plugins.stop()


def real_host(*plugins: type[Plugin[Any]]) -> tuple[PluginHost, DiscordBot]:
    bot: Any = RealBot()
    catalog = Catalog(Discovery())
    for plugin in plugins:
        catalog.put(plugin.name, plugin)
    return PluginHost(bot, catalog, announced=False), bot


class Taken(Plugin[Any]):
    """Has a command that another wants, too."""

    name = "taken"

    @app_commands.command(description="Shuffle")
    async def shuffle(self, interaction: Any) -> None: ...


class Clashing(Dice):
    """A version with a listener, and with a command that is taken."""

    version = 3

    @commands.Cog.listener()
    async def on_ready(self) -> None: ...

    @app_commands.command(description="Shuffle")
    async def shuffle(self, interaction: Any) -> None: ...


async def test_one_whose_commands_clash_leaves_nothing_of_itself_and_the_old_one_there(log: list[str]) -> None:
    """With discord.py's own tree, which takes the commands one by one."""
    plugins, bot = real_host(Dice, Taken)
    await plugins.start()
    old = plugins.instances["dice"]
    with pytest.raises(PluginError, match="CommandAlreadyRegistered"):
        await plugins.replace("dice", Clashing)
    assert plugins.instances["dice"] is bot.get_cog("dice") is old
    roll, shuffle = bot.tree.get_command("roll"), bot.tree.get_command("shuffle")
    assert getattr(roll, "binding", None) is old
    assert getattr(shuffle, "binding", None) is plugins.instances["taken"]
    assert not bot.extra_events.get("on_ready")
    await plugins.replace("dice", second())
    assert getattr(bot.tree.get_command("roll"), "binding", None) is plugins.instances["dice"]
    await plugins.stop()


async def test_one_that_hangs_when_its_commands_go_is_waited_for_no_longer_than_others(
    log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "LIFECYCLE_TIMEOUT", 0.05)

    async def hangs(self: Any) -> None:
        await asyncio.sleep(3600)

    plugins, bot = real_host(second(cog_unload=hangs))
    await plugins.start()
    async with asyncio.timeout(5):
        await plugins.replace("dice", second())
    assert bot.get_cog("dice") is plugins.instances["dice"]
    assert getattr(bot.tree.get_command("roll"), "binding", None) is plugins.instances["dice"]
    await plugins.stop()


async def test_two_plugins_may_call_their_classes_the_same() -> None:
    one = type("MyPlugin", (Plugin,), {"name": "one"})
    two = type("MyPlugin", (Plugin,), {"name": "two"})
    plugins, bot = real_host(one, two)
    await plugins.start()
    assert bot.get_cog("one") is plugins.instances["one"]
    assert bot.get_cog("two") is plugins.instances["two"]
    await plugins.stop()


async def test_its_tasks_go_with_it(log: list[str]) -> None:
    plugins, _ = host()
    await plugins.start()
    task = plugins.instances["dice"].tasks.create(asyncio.sleep(60))
    await plugins.replace("dice", second())
    await eventually(task.cancelled)
    await plugins.stop()


async def test_a_hundred_replacements_during_a_call_lose_no_line(log: list[str]) -> None:
    plugins, _ = host()
    await plugins.start()
    await plugins.dispatcher.starting(CALL)
    for number in range(100):
        say(plugins, f"line {number}")
        await plugins.replace("dice", second())
    await plugins.dispatcher.finished(CALL)
    await plugins.dispatcher.ended(RECEIPT)
    assert [entry for entry in log if entry.startswith("line")] == [f"line {number} 1" for number in range(100)]
    await eventually(lambda: log.count("unload 2") == 99 and log.count("unload 1") == 1)
    await plugins.stop()
    assert log.count("unload 2") == 100


async def test_what_was_swapped_can_be_put_back_as_it_was(log: list[str]) -> None:
    """Discord may refuse the new one's commands when it is in place already."""
    plugins, bot = host()
    await plugins.start()
    old = plugins.instances["dice"]
    swapped = await plugins.swap("dice", second())
    assert swapped is old
    assert "unload 1" not in log
    await plugins.dispatcher.starting(CALL)
    await plugins.put_back("dice", swapped)
    assert bot.get_cog("dice") is plugins.instances["dice"] is old
    say(plugins, "still the new one's")
    await plugins.dispatcher.finished(CALL)
    await plugins.dispatcher.ended(RECEIPT)
    await eventually(lambda: log[-1] == "unload 2")
    assert "load 3" not in log
    await plugins.stop()
    assert log[-1] == "unload 1"

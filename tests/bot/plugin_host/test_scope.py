"""What a plugin can reach: the host's promises, and the calls of servers where it is on."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from bot.billing.limits import Starter
from bot.config.model import LimitSettings, PluginSettings
from bot.errors import PluginError
from bot.plugin_host.plugin import Host, Plugin
from bot.plugin_host.protocols import Calls, Plugins
from bot.plugin_host.scope import ScopedCalls, ScopedPlugins, scoped

ON, OFF = 1, 2  # guild ids
NAMES = ("dice", "cards")


class Manager:
    """Every server has everything. It notes which methods were reached, and for which server."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, int]] = []

    def _note(self, method: str, guild_id: int) -> str:
        self.reached.append((method, guild_id))
        return method

    def of_guild(self, guild_id: int) -> str:
        return self._note("of_guild", guild_id)

    def still_billed(self, guild_id: int) -> str:
        return self._note("still_billed", guild_id)

    def test_of(self, guild_id: int) -> str:
        return self._note("test_of", guild_id)

    def config_of(self, guild_id: int) -> None:
        return None

    def provider_of(self, guild_id: int, config: Any) -> str:
        return self._note("provider_of", guild_id)

    async def start(self, request: Any, config: Any) -> str:
        return self._note("start", request.channel.guild.id)

    async def start_test(self, channel: Any, user_id: int, config: Any) -> str:
        return self._note("start_test", channel.guild.id)

    async def history(self, start: float, end: float, guild_id: int) -> str:
        return self._note("history", guild_id)

    async def budgets(self, settings: Any, starter: Starter, now: datetime) -> str:
        return self._note("budgets", starter.guild_id)

    async def shutdown(self) -> None:
        self._note("shutdown", 0)


class Installed:
    """Two plugins in place, of which one is broken on disk."""

    def __init__(self) -> None:
        self.instances = {name: SimpleNamespace(Settings=PluginSettings, enabled=lambda _: True) for name in NAMES}
        found = {name: SimpleNamespace(manifest=f"manifest of {name}") for name in NAMES}
        self.catalog = SimpleNamespace(found=found, models={}, broken=[SimpleNamespace(name="cards")] * 2)
        self.memories: dict[str, dict[str, Any]] = {name: {} for name in NAMES}

    def memory(self, name: str) -> dict[str, Any]:
        return self.memories[name]

    def paused(self, guild_id: int, name: str) -> bool:
        return name == "cards"


class Bot:
    """A bot with more than `Host` names."""

    token = "secret"

    def __init__(self) -> None:
        self.calls = Manager()
        self.plugins = Installed()
        self.config = SimpleNamespace(plugin=lambda guild_id, name, model: model(enabled=guild_id == ON))

    def get_channel(self, channel_id: int) -> int:
        return channel_id


class Dice(Plugin[Any], name="Dice"):
    """A plugin that is on for one server."""

    name: ClassVar[str] = "dice"


def _host() -> tuple[Any, Manager]:
    bot: Any = Bot()
    return scoped(bot, bot.plugins, Dice), bot.calls


def _asks(calls: Any, guild_id: int) -> dict[str, Any]:
    """Each method that can be asked of a server, with the server in its place."""
    channel = SimpleNamespace(guild=SimpleNamespace(id=guild_id))
    return {
        "of_guild": lambda: calls.of_guild(guild_id),
        "still_billed": lambda: calls.still_billed(guild_id),
        "test_of": lambda: calls.test_of(guild_id),
        "provider_of": lambda: calls.provider_of(guild_id, None),
        "start": lambda: calls.start(SimpleNamespace(channel=channel), None),
        "start_test": lambda: calls.start_test(channel, 7, None),
        "history": lambda: calls.history(0.0, 1.0, guild_id),
        "budgets": lambda: calls.budgets(LimitSettings(), Starter(guild_id, 7), datetime.now(UTC)),
    }


async def _answer(ask: Any) -> Any:
    given = ask()
    return await given if hasattr(given, "__await__") else given


async def test_everything_of_calls_is_there_where_the_plugin_is_on() -> None:
    host, manager = _host()
    for method, ask in _asks(host.calls, ON).items():
        assert await _answer(ask) == method
    assert manager.reached == [(method, ON) for method in _asks(None, ON)]


async def test_no_call_of_another_server_can_be_seen_started_or_ended() -> None:
    host, manager = _host()
    for method, ask in _asks(host.calls, OFF).items():
        if method in ("of_guild", "still_billed", "test_of"):
            assert await _answer(ask) is None
        else:
            with pytest.raises(PluginError, match="switched off"):
                await _answer(ask)
    assert manager.reached == []


def test_every_method_that_plugins_are_promised_is_scoped() -> None:
    promised = {name for name in vars(Calls) if not name.startswith("_")}
    assert promised == {name for name in vars(ScopedCalls) if not name.startswith("_")}
    assert promised == {*_asks(None, ON), "config_of"}


def test_a_host_has_what_its_protocol_names_and_nothing_that_stops_the_bot() -> None:
    host, _ = _host()
    assert host.get_channel(5) == 5
    for missing in ("token", "close", "plugin_host", "dispatch"):
        with pytest.raises(AttributeError, match=f"Host has no '{missing}'"):
            getattr(host, missing)
    for hidden in ("shutdown", "recover"):
        assert not hasattr(host.calls, hidden)
    assert {name for name in vars(Host) if not name.startswith("_")} > {"config", "calls", "get_channel"}


def test_of_other_plugins_it_sees_what_they_are_and_never_the_plugins_themselves() -> None:
    host, _ = _host()
    plugins = host.plugins
    assert {name: plugin.manifest for name, plugin in plugins.installed.items()} == {
        name: f"manifest of {name}" for name in NAMES
    }
    assert not plugins.installed["cards"].operator_only
    assert plugins.broken == ["cards"]
    assert plugins.enabled(ON, "cards")
    assert plugins.paused(ON, "cards")
    plugins.memory["rolled"] = 6
    assert host._host.plugins.memories == {"dice": {"rolled": 6}, "cards": {}}
    assert plugins.newest is host._host.plugins.instances["dice"]
    assert {name for name in vars(Plugins) if not name.startswith("_")} == {
        name for name in vars(ScopedPlugins) if not name.startswith("_")
    }

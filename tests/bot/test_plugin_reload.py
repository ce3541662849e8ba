"""Reloading a plugin: everything new is in force, or everything old, whichever step fails."""

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from bot.errors import ConfigError, PluginError
from bot.plugin_reload import PluginReloader

OLD, NEW = "the old code", "the new code"


class Reloadable:
    """A plugin in place, a config that was checked against it, and commands that Discord knows."""

    def __init__(self) -> None:
        self.failing: dict[str, list[BaseException]] = {}
        self.steps: list[str] = []
        self.code = self.instance = self.classes = OLD
        self.config = f"checked against {OLD}"
        self.retired: list[str | None] = []
        commands: Any = SimpleNamespace(
            changing=asyncio.Lock(), sync=self._sync, sync_accepted=self._step("sync what is taken")
        )
        self.changing = asyncio.Lock()
        plugins: Any = SimpleNamespace(
            catalog=self, swap=self._swap, put_back=self._put_back, retire=self.retired.append
        )
        source: Any = self
        providers: Any = SimpleNamespace(use=self._use_classes)
        self.reloader = PluginReloader(plugins, source, providers, commands)
        self.found = {"dice": SimpleNamespace(manifest=SimpleNamespace(version="2"))}

    def _fail(self, step: str) -> None:
        self.steps.append(step)
        if self.failing.get(step):
            raise self.failing[step].pop(0)

    def _step(self, name: str) -> Any:
        async def step() -> None:
            self._fail(name)

        return step

    # the catalog, and what it has imported

    async def reimport(self, name: str) -> Any:
        self._fail("import")
        return SimpleNamespace(plugin=NEW, take=lambda: setattr(self, "code", NEW), undo=self._undo)

    def _undo(self) -> None:
        self.code = OLD

    # the config's files

    def recheck(self) -> str:
        self._fail(f"check against {self.code}")
        return f"checked against {self.code}"

    def use(self, config: str) -> None:
        self.config = config

    # providers, plugins and commands

    def _use_classes(self, catalog: Any) -> None:
        self.classes = self.code

    @property
    def classes_of(self) -> str:
        return self.classes

    async def _swap(self, name: str, plugin: str) -> str:
        self._fail("put in place")
        old, self.instance = self.instance, plugin
        return old

    async def _put_back(self, name: str, old: str) -> None:
        self._fail("put back")
        self.instance = old

    async def _sync(self) -> None:
        assert not self.changing.locked()  # servers' settings can be changed while Discord takes its time
        self._fail("sync")

    @property
    def in_force(self) -> tuple[str, str, str, str]:
        return self.code, self.classes, self.instance, self.config


ALL_OLD = (OLD, OLD, OLD, f"checked against {OLD}")


async def test_everything_new_is_in_force_and_the_old_instance_goes() -> None:
    server = Reloadable()
    await server.reloader.reload("dice")
    assert server.in_force == (NEW, NEW, NEW, f"checked against {NEW}")
    assert server.retired == [OLD]
    assert server.steps == ["import", f"check against {NEW}", "put in place", "sync"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("import", PluginError("line 3: it is wrong")),
        (f"check against {NEW}", ConfigError([])),
        ("put in place", PluginError("on_load failed")),
        ("sync", aiohttp.ClientConnectionError("unreachable")),
    ],
)
async def test_whatever_fails_leaves_everything_old_in_force(step: str, error: Exception) -> None:
    server = Reloadable()
    server.failing[step] = [error]
    with pytest.raises(PluginError, match="dice was not reloaded"):
        await server.reloader.reload("dice")
    assert server.in_force == ALL_OLD
    assert server.retired == []
    assert not server.changing.locked()


async def test_a_reload_that_is_cancelled_half_way_leaves_everything_old_in_force() -> None:
    server = Reloadable()
    server.failing["put in place"] = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await server.reloader.reload("dice")
    assert server.in_force == ALL_OLD


async def test_a_config_that_no_longer_fits_the_old_code_is_what_it_was_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody has changed it for the new code, which Discord refuses."""
    server = Reloadable()
    server.failing = {"sync": [OSError("unreachable")], f"check against {OLD}": [ConfigError([])]}
    with pytest.raises(PluginError, match="Discord refuses its commands"):
        await server.reloader.reload("dice")
    assert server.in_force == ALL_OLD
    assert "the config does not fit the older dice" in caplog.text
    assert server.steps[-1] == "sync what is taken"


async def test_two_reloads_take_turns() -> None:
    server = Reloadable()
    await asyncio.gather(server.reloader.reload("dice"), server.reloader.reload("dice"))
    half = len(server.steps) // 2
    assert server.steps[:half] == server.steps[half:]

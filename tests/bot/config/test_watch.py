"""Config files that change while the bot runs: good ones take effect, bad ones are named and change nothing."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import config_file
from bot.config import watch as module
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.config.watch import reload, watch
from tests.bot.config.loud import GUILD, Loud
from tests.support import eventually


@contextlib.asynccontextmanager
async def watched(file: Path) -> AsyncIterator[list[Config]]:
    """What a running bot would be given. No fixture: anyio's threads end with the task that a fixture is set up in."""
    applied: list[Config] = []
    source = ConfigFile(file, {"loud": Loud})
    source.on_change = applied.append
    watching = asyncio.create_task(watch(source))
    await asyncio.sleep(0.5)  # until the system's notifications are asked for
    try:
        yield applied
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_good_change_takes_effect_and_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with watched(file) as applied:
        file.write_text("defaults: {voicebot: poet, plugins: {loud: {volume: 9}}}\n")
        await eventually(lambda: len(applied) == 1)
    assert applied[0].server(GUILD).voicebot == "poet"
    assert applied[0].plugin(GUILD, "loud", Loud).volume == 9
    assert "config: defaults.voicebot: 'guide' -> 'poet'" in caplog.messages
    assert "config: defaults.plugins: nothing -> {'loud': {'volume': 9}}" in caplog.messages


async def test_an_editor_that_replaces_the_file(file: Path) -> None:
    """Most write a new file and rename it over the old one."""
    new = file.with_suffix(".tmp")
    async with watched(file) as applied:
        new.write_text("defaults: {voicebot: poet}\n")
        new.replace(file)
        await eventually(lambda: [config.server(GUILD).voicebot for config in applied] == ["poet"])


async def test_a_servers_own_file_that_comes_and_goes(file: Path) -> None:
    own = file.parent / "servers" / f"{GUILD}.yaml"
    async with watched(file) as applied:
        own.parent.mkdir()
        own.write_text("voicebot: poet\n")
        await eventually(lambda: bool(applied) and applied[-1].server(GUILD).voicebot == "poet")
        own.unlink()
        await eventually(lambda: applied[-1].server(GUILD).voicebot == "guide")


@pytest.mark.parametrize("text", ["defaults: {voicebot: [", "defaults: {voicbot: x}\n", "defaults:\n\tvoicebot: x\n"])
async def test_a_mistake_leaves_the_good_one_in_force(file: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    source = ConfigFile(file, {})
    source.on_change = lambda config: pytest.fail("it is in force")
    file.write_text(text)
    assert source.is_outdated()
    assert not await reload(source)
    assert source.config.server(GUILD).voicebot == "guide"
    assert f"the changed config is not used: {file}:" in caplog.text
    assert not source.is_outdated()  # it is not complained about again and again


async def _written_in_two_steps(file: Path, half: str, whole: str) -> list[Config]:
    """What was put in force while a file was being written."""
    applied: list[Config] = []
    source = ConfigFile(file, {})
    source.on_change = applied.append
    file.write_text(half)
    reloading = asyncio.create_task(reload(source))
    await asyncio.sleep(0.02)
    file.write_text(whole)
    assert await reloading
    return applied


async def test_a_half_written_file_is_read_when_it_is_whole(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied = await _written_in_two_steps(file, "defaults: {voicebot: 'po", "defaults: {voicebot: 'poet'}\n")
    assert applied[0].server(GUILD).voicebot == "poet"
    assert "not used" not in caplog.text


async def test_a_file_that_was_emptied_to_be_written_changes_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What many editors do, and a full disk; and what is there after it is read as ever."""
    source = ConfigFile(file, {})
    file.write_text("")
    assert not await reload(source)
    assert source.config.server(GUILD).voicebot == "guide"
    assert "is empty; write {} into it" in caplog.text
    file.write_text("defaults: {voicebot: poet}\n")
    assert await reload(source)
    assert source.config.server(GUILD).voicebot == "poet"


async def test_a_valid_half_is_not_put_in_force(file: Path) -> None:
    half = "defaults:\n  voicebot: poet\n"
    (only,) = await _written_in_two_steps(file, half, half + "  limits: {server: {minutes_per_call: 5}}\n")
    assert only.server(GUILD).limits.server.minutes_per_call == 5


async def test_a_reader_that_breaks_does_not_end_the_watch(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = ConfigFile(file, {})

    def breaks(*_: object) -> None:
        raise MemoryError("as the test wants it")

    monkeypatch.setattr(config_file, "build", breaks)
    file.write_text("defaults: {voicebot: poet}\n")
    assert not await reload(source)
    assert "could not be read" in caplog.text


async def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    source = ConfigFile(file, {})
    file.unlink()
    assert source.is_outdated()
    assert not await reload(source)
    assert source.config.server(GUILD).voicebot == "guide"


async def test_a_change_that_says_the_same_is_none(file: Path) -> None:
    source = ConfigFile(file, {})
    file.write_text("# the guide, as ever\ndefaults:\n  voicebot: guide\n")
    source.on_change = lambda config: pytest.fail("nothing changed")
    assert not await reload(source)


async def test_what_needs_a_restart_is_said(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = ConfigFile(file, {})
    file.write_text("ledger: {file: other.sqlite3}\ndefaults: {voicebot: guide}\n")
    assert await reload(source)
    assert "`ledger` takes effect at the next start" in caplog.text


async def test_a_secret_that_strayed_into_the_file_is_not_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = ConfigFile(file, {})
    file.write_text("defaults: {voicebot: vl_live_0123456789abcdef}\n")
    assert await reload(source)
    assert "0123456789" not in caplog.text


async def test_without_notifications_it_looks_by_itself(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*args: object, **options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(module, "awatch", none_left)
    monkeypatch.setattr(module, "POLL_INTERVAL", 0.05)
    applied: list[Config] = []
    source = ConfigFile(file, {})
    source.on_change = applied.append
    watching = asyncio.create_task(watch(source))
    await asyncio.sleep(0.1)
    file.write_text("defaults: {voicebot: poet}\n")
    await eventually(lambda: len(applied) == 1)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an orchestrator puts a new config in place: the file is a link through a folder that is a link itself."""
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.05)
    for number, voicebot in enumerate(("guide", "poet")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "config.yaml").write_text(f"defaults: {{voicebot: {voicebot}}}\n")
    (tmp_path / "..data").symlink_to("..0")
    file = tmp_path / "config.yaml"
    file.symlink_to("..data/config.yaml")
    async with watched(file) as applied:
        (tmp_path / "..new").symlink_to("..1")
        (tmp_path / "..new").replace(tmp_path / "..data")
        await eventually(lambda: [config.server(GUILD).voicebot for config in applied] == ["poet"], 4)


async def test_files_that_are_written_all_the_time_hold_up_nobody_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.001)
    source = ConfigFile(file, {"loud": Loud})
    monkeypatch.setattr(source, "is_outdated", lambda: True)
    file.write_text("defaults: {voicebot: poet}\n")
    assert not await reload(source)
    assert not source.changing.locked()
    assert "all the time" in caplog.text

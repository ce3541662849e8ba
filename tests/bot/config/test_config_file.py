"""The config in force, whatever stands in the files and whoever changes them: mistakes harm nobody else."""

import asyncio
import contextlib
import logging
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, field_validator

from bot.config import config_file as module
from bot.config import edit
from bot.config.config_file import ConfigFile
from bot.config.edit import ABSENT
from bot.config.load import Config, build
from bot.config.model import PluginSettings
from bot.config.watch import reload
from bot.errors import ConfigError, Refused
from tests.bot.config.loud import GUILD, OTHER, Loud


@pytest.fixture
def own(file: Path) -> Path:
    """One server's file beside another's."""
    (file.parent / "servers").mkdir()
    (file.parent / "servers" / f"{OTHER}.yaml").write_text("voicebot: other\n")
    own = file.parent / "servers" / f"{GUILD}.yaml"
    own.write_text("voicebot: own\nplugins: {loud: {volume: 9}}\n")
    return own


@pytest.mark.parametrize("text", ["voicebot: [", "voicbot: x\n", "plugins: {loud: {volume: 11}}\n", ""])
async def test_a_mistake_in_one_servers_file_is_that_servers_alone(
    file: Path, own: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It keeps what it had; what others changed meanwhile is in force."""
    caplog.set_level(logging.WARNING)  # whatever tests before this one have set
    source = ConfigFile(file, {"loud": Loud})
    own.write_text(text)
    (own.parent / f"{OTHER}.yaml").write_text("voicebot: changed\n")
    assert await reload(source)
    config = source.config
    assert config.server(OTHER).voicebot == "changed"
    assert (config.server(GUILD).voicebot, config.plugin(GUILD, "loud", Loud).volume) == ("own", 9)
    assert config.faults.keys() == {GUILD}
    assert not config.unusable
    assert f"{own}:1" in caplog.text
    assert f"server {GUILD} keeps its last good settings" in caplog.text
    told = len(caplog.messages)
    (own.parent / f"{OTHER}.yaml").write_text("voicebot: again\n")
    assert await reload(source)
    assert len(caplog.messages) == told  # a mistake that stays is not complained about again and again
    own.write_text("voicebot: mended\n")
    assert await reload(source)
    assert source.config.server(GUILD).voicebot == "mended"
    assert not source.config.faults


async def test_what_the_operator_changes_reaches_a_server_whose_own_file_has_a_mistake(file: Path, own: Path) -> None:
    """What its own file said before holds on, laid over the operator's part as it is now."""
    own.write_text("voicebot: own\nlimits: {server: {minutes_per_call: 7}}\n")
    source = ConfigFile(file, {"loud": Loud})
    own.write_text("voicbot: typo\n")
    await reload(source)
    file.write_text(
        f"defaults: {{limits: {{server: {{minutes_per_day: 0}}}}}}\n"
        f"servers: {{{GUILD}: {{language: de, plugins: {{loud: {{volume: 9}}}}}}}}\n"
    )
    assert await reload(source)
    settings = source.config.server(GUILD)
    assert (settings.voicebot, settings.limits.server.minutes_per_call) == ("own", 7)
    assert (settings.limits.server.minutes_per_day, settings.language) == (0, "de")
    assert source.config.plugin(GUILD, "loud", Loud).volume == 9
    own.write_text("voicbot: another typo\n")
    await reload(source)
    assert source.config.server(GUILD).voicebot == "own"
    own.write_text("voicebot: mended\n")
    await reload(source)
    assert source.config.server(GUILD).voicebot == "mended"
    assert source.config.server(GUILD).limits.server.minutes_per_call == 120


async def test_a_mistake_that_was_there_before_the_bot_starts_no_calls_there_alone(
    file: Path, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own.write_text("limits: {server: {minutes_per_call: none}}\n")
    source = ConfigFile(file, {"loud": Loud})
    assert source.config.unusable == {GUILD}
    assert f"server {GUILD} cannot start calls until this is fixed" in caplog.text
    assert source.config.server(OTHER).voicebot == "other"
    applied: list[Config] = []
    source.on_change = applied.append
    await source.replace(GUILD, "voicebot: mended\n")
    assert not applied[-1].unusable
    assert applied[-1].server(GUILD).voicebot == "mended"


async def test_a_plugin_that_is_gone_is_worth_a_word(file: Path, own: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that once set it up goes on without it, and so does everybody else."""
    source = ConfigFile(file, {})
    assert source.config.server(GUILD).voicebot == "own"
    assert not source.config.faults
    assert f"{own}:2:11: servers.{GUILD}.plugins.loud: unknown key" in caplog.text


async def test_an_admin_reads_of_their_own_servers_mistakes_alone(file: Path, own: Path) -> None:
    source = ConfigFile(file, {"loud": Loud})
    (own.parent / f"{OTHER}.yaml").write_text("voicbot: secret\n")
    await source.change(GUILD, {("voicebot",): "mine"})  # is not held up by the other's
    assert source.config.server(GUILD).voicebot == "mine"
    with pytest.raises(ConfigError) as caught:
        await source.change(GUILD, {("empty_channel_grace",): "long"})
    assert "secret" not in str(caught.value)
    assert [problem.place.file for problem in caught.value.problems] == [own]
    file.write_text("defaults: {voicbot: secret}\n")
    await source.change(GUILD, {("voicebot",): "yours"})  # nor by what the operator is just writing
    assert source.config.server(GUILD).voicebot == "yours"
    assert source.is_outdated()  # which is still to be judged


async def test_what_may_be_changed_is_judged_when_it_is_changed(file: Path, own: Path) -> None:
    """The operator saves while a change waits for the one before it."""
    source = ConfigFile(file, {"loud": Loud})

    def check() -> None:
        if source.config.host.locked:
            raise Refused("locked")

    async with source.changing:
        waiting = asyncio.create_task(source.change(GUILD, {("voicebot",): "mine"}, check))
        replacing = asyncio.create_task(source.replace(GUILD, "voicebot: new\n", lambda: {("language",): "de"}))
        await asyncio.sleep(0.05)
        file.write_text("locked: [voicebot]\n" + file.read_text())
        source.refresh()
    with pytest.raises(Refused):
        await waiting
    await replacing
    assert own.read_text() == "voicebot: new\nlanguage: de\n"


async def test_a_change_from_discord_does_not_do_away_with_what_was_emptied(file: Path, own: Path) -> None:
    """What an editor, or a full disk, has left is no reason to forget what is in force, consent say."""
    own.write_text("voicebot: own\nconsent: asked\n")
    source = ConfigFile(file, {"loud": Loud})
    own.write_text("")
    assert not await reload(source)
    with pytest.raises(ConfigError, match="is empty"):
        await source.change(GUILD, {("voicebot",): "x"})
    assert source.config.server(GUILD).consent == "asked"
    assert source.last_text(GUILD) == "voicebot: own\nconsent: asked\n"
    await source.replace(GUILD, "voicebot: whole\n")
    assert source.config.server(GUILD).voicebot == "whole"


async def test_what_somebody_writes_while_a_change_is_made_is_changed_and_not_replaced(
    file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ConfigFile(file, {"loud": Loud})
    others = ["voicebot: own\nempty_channel_grace: 9\n"]

    def slowly(*arguments: Any) -> Config:
        if others:
            own.write_text(others.pop())
        return build(*arguments)

    monkeypatch.setattr(module, "build", slowly)
    await source.change(GUILD, {("voicebot",): "mine"})
    assert source.config.server(GUILD).empty_channel_grace == 9
    assert own.read_text() == "voicebot: mine\nempty_channel_grace: 9\n"
    others += [f"voicebot: own{number}\n" for number in range(9)]
    with pytest.raises(ConfigError, match="somebody else is writing"):
        await source.change(GUILD, {("voicebot",): "x"})
    assert "own" in own.read_text()


async def test_what_an_editor_saves_right_after_a_change_is_read(
    file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ConfigFile(file, {"loud": Loud})
    write = edit.write

    def and_then(to: Path, text: str) -> tuple[int, int]:
        written = write(to, text)
        own.write_text("voicebot: editors\n")
        return written

    monkeypatch.setattr(edit, "write", and_then)
    await source.change(GUILD, {("voicebot",): "mine"})
    assert source.is_outdated()
    assert await reload(source)
    assert source.config.server(GUILD).voicebot == "editors"


@pytest.mark.parametrize("text", ["a: [\n", "a: 1\na: 2\n", "\tx: 1\n", ""])
async def test_while_a_file_is_no_yaml_there_is_what_it_said_before(file: Path, own: Path, text: str) -> None:
    before = own.read_text()
    source = ConfigFile(file, {"loud": Loud})
    assert source.last_text(GUILD) == before
    own.write_text(text)
    assert source.last_text(GUILD) == before
    await reload(source)
    assert source.last_text(GUILD) == before
    fresh = ConfigFile(file, {"loud": Loud})
    if text:
        with pytest.raises(ConfigError):
            fresh.last_text(GUILD)
    else:
        assert fresh.last_text(GUILD) == ""
    await source.replace(GUILD, "voicebot: mended\n")
    assert source.last_text(GUILD) == "voicebot: mended\n"


class Louder(PluginSettings):
    """Of newer code."""

    volume: int = Field(5, ge=0, le=11)
    echo: bool = False


class Quiet(PluginSettings):
    """Of newer code that does not take what was said."""

    volume: int = Field(1, ge=0, le=3)


async def test_what_a_faulty_file_said_last_is_kept_for_new_code_of_a_plugin(file: Path, own: Path) -> None:
    plugins: dict[str, type[PluginSettings]] = {"loud": Loud}
    own.write_text("plugins: {loud: {volume: 9, enabled: false}}\n")
    source = ConfigFile(file, plugins)
    own.write_text("plugins: {loud: {volume: none}}\n")
    await reload(source)
    plugins["loud"] = Louder
    settings = source.recheck().plugin(GUILD, "loud", Louder)
    assert (settings.volume, settings.enabled) == (9, False)
    plugins["loud"] = Quiet
    assert source.recheck().unusable == {GUILD}


async def test_the_operators_mistake_beside_a_faulty_file_is_told(file: Path, own: Path) -> None:
    own.write_text("voicebot: own\n")
    source = ConfigFile(file, {"loud": Loud})
    own.write_text("plugins: [\n")
    await reload(source)
    file.write_text(f"servers: {{{GUILD}: {{plugins: {{loud: {{volume: 99}}}}}}}}\n")
    with pytest.raises(ConfigError, match=r"config.yaml:1:.*plugins.loud.volume"):
        source.refresh()
    assert not await reload(source)


async def test_what_no_longer_fits_with_what_a_faulty_file_said_last_is_told(file: Path, own: Path) -> None:
    plugins: dict[str, type[PluginSettings]] = {"loud": Loud}
    own.write_text("plugins: {loud: {volume: 9}}\n")
    source = ConfigFile(file, plugins)
    own.write_text("plugins: [\n")
    await reload(source)
    plugins["loud"] = Quiet
    (warning,) = source.recheck().warnings
    assert warning.place.file == own
    assert warning.key == f"servers.{GUILD}.plugins.loud.volume"


class Careless(PluginSettings):
    names: tuple[str, ...] = ()

    @field_validator("names", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if value else ()


async def test_a_plugins_validator_that_raises_anything_is_a_mistake_in_that_servers_file(
    file: Path, own: Path
) -> None:
    own.write_text("plugins: {careless: {names: 5}}\n")
    source = ConfigFile(file, {"loud": Loud, "careless": Careless})
    assert source.config.unusable == {GUILD}
    (problem,) = source.config.faults[GUILD]
    assert problem.place.file == own
    assert "the plugin's own check failed: AttributeError" in problem.message
    own.write_text("plugins: {careless: {names: 'a,b'}}\n")
    assert await reload(source)
    assert source.config.plugin(GUILD, "careless", Careless).names == ("a", "b")
    file.write_text("defaults: {plugins: {careless: {names: 5}}}\n")
    assert not await reload(source)


async def test_a_change_from_discord_beside_an_editors_is_not_lost(file: Path, own: Path) -> None:
    """The editor's is read, and looked at a second time; meanwhile somebody types a command."""
    applied: list[Config] = []
    source = ConfigFile(file, {"loud": Loud})
    source.on_change = applied.append
    file.write_text("defaults: {voicebot: guide, empty_channel_grace: 7}\n")
    reloading = asyncio.create_task(reload(source))
    await asyncio.sleep(0.02)
    await source.change(GUILD, {("voicebot",): "mine"})
    await reloading
    assert (applied[-1].server(GUILD).voicebot, applied[-1].server(GUILD).empty_channel_grace) == ("mine", 7)
    assert source.config is applied[-1]
    assert not source.is_outdated()


async def test_an_emptied_file_stays_refused_however_often_it_is_looked_at(file: Path, own: Path) -> None:
    """Another file changes meanwhile, from an editor or from Discord; in the end it has content again, or is gone."""
    own.write_text("voicebot: own\nconsent: asked\n")
    file.write_text("defaults: {voicebot: guide}\nlocked: [limits]\n")
    source = ConfigFile(file, {"loud": Loud})
    file.write_text("")
    own.write_text("")
    other = own.parent / f"{OTHER}.yaml"
    for number in range(3):
        other.write_text(f"voicebot: other{number}\n")
        await reload(source)
        assert source.config.host.locked == ("limits",)
    await source.change(OTHER, {("voicebot",): "typed"})
    assert source.config.host.locked == ("limits",)
    assert source.config.server(OTHER).voicebot == "typed"
    assert source.config.server(GUILD).consent == "asked"
    file.write_text("defaults: {voicebot: guide}\nlocked: [limits]\n")
    await reload(source)
    assert source.config.server(GUILD).consent == "asked"
    own.unlink()
    await reload(source)
    assert source.config.server(GUILD).consent == "assumed"


async def test_resetting_the_last_setting_from_discord_leaves_an_empty_file_that_counts(file: Path) -> None:
    source = ConfigFile(file, {})
    await source.change(GUILD, {("voicebot",): "mine"})
    await source.change(GUILD, {("voicebot",): ABSENT})
    assert source.server_file(GUILD).read_text() == ""
    file.write_text("defaults: {voicebot: poet}\n")
    assert await reload(source)
    assert source.config.server(GUILD).voicebot == "poet"
    assert not source.config.faults


async def test_what_an_editor_saves_while_a_change_from_discord_is_written_is_seen(
    file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ConfigFile(file, {"loud": Loud})
    write = edit.write

    def slow(target: Path, text: str) -> None:
        write(target, text)
        file.write_text("defaults: {voicebot: poet}\n")

    monkeypatch.setattr(edit, "write", slow)
    await source.change(GUILD, {("voicebot",): "mine"})
    assert source.is_outdated()
    assert await reload(source)
    assert (source.config.server(GUILD).voicebot, source.config.server(1).voicebot) == ("mine", "poet")


async def test_a_first_file_with_a_mistake_leaves_a_server_what_it_had(file: Path) -> None:
    source = ConfigFile(file, {})
    source.server_file(GUILD).parent.mkdir()
    source.server_file(GUILD).write_text("voicbot: x\n")
    await reload(source)
    assert source.config.faults.keys() == {GUILD}
    assert not source.config.unusable
    assert source.config.server(GUILD).voicebot == "guide"


async def test_a_plugin_that_is_gone_holds_up_no_other_change(file: Path, own: Path) -> None:
    source = ConfigFile(file, {})
    await source.change(GUILD, {("voicebot",): "mine"})
    assert source.config.server(GUILD).voicebot == "mine"
    with pytest.raises(ConfigError, match="unknown key"):
        await source.change(GUILD, {("plugins", "dice", "sides"): 6})


async def test_a_link_to_a_servers_file_stays_one(file: Path, own: Path) -> None:
    elsewhere = file.parent / "elsewhere.yaml"
    own.replace(elsewhere)
    own.symlink_to(elsewhere)
    source = ConfigFile(file, {"loud": Loud})
    await source.change(GUILD, {("voicebot",): "mine"})
    assert own.is_symlink()
    assert "mine" in elsewhere.read_text()


async def test_a_file_that_is_called_yml_is_told_of(file: Path, own: Path, caplog: pytest.LogCaptureFixture) -> None:
    own.rename(own.with_suffix(".yml"))
    ConfigFile(file, {})
    assert f"{own.with_suffix('.yml')}:1:1: must end in .yaml to be read" in caplog.text


VALUES = ("one", "two", "three")


@pytest.mark.parametrize("seed", range(80))
async def test_in_whatever_order_files_are_written_what_was_good_last_is_in_force(file: Path, seed: int) -> None:
    """Good, bad, half and empty files, changes from Discord, and looks in between, against a model of four lines."""
    rng = random.Random(seed)
    for guild in (GUILD, OTHER):
        own = file.parent / "servers" / f"{guild}.yaml"
        own.parent.mkdir(exist_ok=True)
        own.write_text("voicebot: one\n")
    file.write_text("defaults: {voicebot: one}\n")
    source = ConfigFile(file, {})
    files = {None: file, GUILD: source.server_file(GUILD), OTHER: source.server_file(OTHER)}
    in_force: dict[int | None, str] = dict.fromkeys(files, "one")
    on_disk: dict[int | None, str | None] = dict.fromkeys(files, "one")  # None is what is not to be used
    for _ in range(30):
        whose, value = rng.choice(list(files)), rng.choice(VALUES)
        step = rng.choice(["good", "bad", "half", "empty", "discord", "look", "look"])
        if step == "look":
            with contextlib.suppress(ConfigError):
                source.refresh()
            if on_disk[None] is not None:
                in_force |= {one: there for one, there in on_disk.items() if there is not None}
        elif step == "discord" and whose is not None:
            try:
                await source.change(whose, {("voicebot",): value})
            except ConfigError:
                assert on_disk[whose] is None
            else:
                in_force[whose] = on_disk[whose] = value
        elif step != "discord":
            good = f"defaults: {{voicebot: {value}}}\n" if whose is None else f"voicebot: {value}\n"
            files[whose].write_text({"good": good, "bad": "voicbot: x\n", "half": "voicebot: [", "empty": ""}[step])
            on_disk[whose] = value if step == "good" else None
        for one, expected in in_force.items():
            assert source.config.server(1 if one is None else one).voicebot == expected, (step, whose)
    assert not source.config.unusable


async def test_a_file_that_says_the_same_in_other_places_is_known_by_its_new_lines(file: Path, own: Path) -> None:
    """Nothing has changed, so nobody is told; but a mistake that is complained about later stands where it is now."""
    own.write_text("plugins: {nobody: {}}\n")
    source = ConfigFile(file, {"loud": Loud})
    told: list[Config] = []
    source.on_change = told.append
    own.write_text("# a comment\nplugins: {nobody: {}}\n")
    assert not await reload(source)
    (warning,) = source.config.warnings
    assert warning.place.line == 2
    assert told == []


async def test_a_change_that_nobody_waits_for_any_more_is_in_force_all_the_same(
    file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ConfigFile(file, {"loud": Loud})
    written = asyncio.Event()
    loop, write = asyncio.get_running_loop(), edit.write

    def slowly(*arguments: Any) -> Any:
        stamp = write(*arguments)
        loop.call_soon_threadsafe(written.set)
        return stamp

    monkeypatch.setattr(edit, "write", slowly)
    changing = asyncio.create_task(source.change(GUILD, {("voicebot",): "new"}))
    await written.wait()
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    async with source.changing:
        assert source.config.server(GUILD).voicebot == "new"
    assert not source.is_outdated()

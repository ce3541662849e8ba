"""The command line: what it prints and what it exits with."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import discord
import pytest

from bot.cli.main import main
from tests.bot.plugin_host.test_discovery import GOOD, put


def test_check_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("servers:\n  1: {}\n")
    assert main(["check", str(file)]) == 0
    assert "good (1 server configured)" in capsys.readouterr().out


def test_check_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("defaults:\n  plugins:\n    valsea:\n      base_url: http://api.valsea.ai\n")
    assert main(["check", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{file}:4:7: defaults.plugins.valsea.base_url" in error
    assert "https://" in error


@pytest.mark.usefixtures("whole_bot")
def test_run_without_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text("")
    assert main(["run", str(file)]) == 3
    assert "DISCORD_TOKEN" in capsys.readouterr().err


@pytest.mark.usefixtures("whole_bot")
def test_run_when_discord_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "x.y.z")
    file = tmp_path / "config.yaml"
    file.write_text("network:\n  connect_to: {discord.com: '127.0.0.1:1'}\n")
    assert main(["run", str(file)]) == 1
    error = capsys.readouterr().err
    assert "Discord cannot be reached" in error
    assert "Traceback" not in error


def test_the_module_is_the_command() -> None:
    answer = subprocess.run([sys.executable, "-m", "bot", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("parley ")


def test_plugins_can_be_listed_before_there_is_a_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "list"]) == 0
    assert "transcript" in capsys.readouterr().out
    assert main(["plugins", "list", "--config", "nowhere.yaml"]) == 2
    assert "there is no such file; `parley example` prints one" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["check"], ["plugins", "list", "--config"]], ids=["check", "list"])
def test_plugins_that_cannot_be_used_are_told_once(
    tmp_path: Path, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "mine", "dice", GOOD)  # it raises when it is imported
    file = tmp_path / "config.yaml"
    file.write_text("plugin_folders: [mine, yours]\n")
    assert main([*command, str(file)]) != 0
    printed = capfd.readouterr()
    assert "good" not in printed.out
    assert sorted(printed.err.splitlines()) == [
        f"plugin dice cannot be used: {tmp_path}/mine/dice/__init__.py:1: RuntimeError: imported",
        f"plugin yours cannot be used: {tmp_path}/yours: there is no such folder; `plugin_folders:` names it",
    ]


def test_what_is_wrong_with_the_file_and_with_its_plugins_is_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("plugin_folders: [mine]\ndefaults: {provider: other}\n")
    assert main(["check", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{file}:2:12: defaults.provider: 'other' is not installed; there are: valsea" in error
    assert "plugin mine cannot be used" in error


def test_an_example_names_its_schema_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["example"]) == 0
    assert "$schema" not in capsys.readouterr().out
    assert main(["example", "--schema", "schema.json"]) == 0
    assert "# yaml-language-server: $schema=schema.json\n" in capsys.readouterr().out


@pytest.mark.usefixtures("whole_bot")
@pytest.mark.parametrize("token", ["two words", "x.y.z\nDISCORD", "x.y.\u00e9"])
def test_what_cannot_be_a_token_is_refused_by_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", token)
    file = tmp_path / "config.yaml"
    file.write_text("")
    assert main(["run", str(file)]) == 3
    error = capsys.readouterr().err
    assert "the environment variable DISCORD_TOKEN" in error
    assert token.split()[0] not in error


@pytest.mark.usefixtures("whole_bot")
def test_what_cannot_be_a_key_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each call would fail with it, and look as if the provider might have opened a session."""
    monkeypatch.setenv("DISCORD_TOKEN", "x.y.z")
    monkeypatch.setenv("VALSEA_API_KEY", "vl_good")
    monkeypatch.setenv("VALSEA_API_KEY_MUSEUM", "vl_bad one")
    file = tmp_path / "config.yaml"
    museum = "servers: {1: {plugins: {valsea: {api_key_env: VALSEA_API_KEY_MUSEUM}}}}"
    file.write_text(f"network:\n  connect_to: {{discord.com: '127.0.0.1:1'}}\n{museum}\n")
    assert main(["run", str(file)]) == 1
    error = capsys.readouterr().err
    assert "VALSEA_API_KEY_MUSEUM" in error
    assert "vl_bad" not in error


@pytest.mark.usefixtures("whole_bot")
@pytest.mark.parametrize(("code", "exit_code", "words"), [(4004, 3, "refused the token"), (4013, 1, "code 4013")])
def test_a_gateway_that_ends_the_session_for_good_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    exit_code: int,
    words: str,
) -> None:
    async def closed(*_: object) -> None:
        raise discord.ConnectionClosed(SimpleNamespace(close_code=code), shard_id=0, code=code)  # type: ignore[arg-type]

    monkeypatch.setenv("DISCORD_TOKEN", "x.y.z")
    monkeypatch.setattr("bot.cli.run._serve", closed)
    file = tmp_path / "config.yaml"
    file.write_text("")
    assert main(["run", str(file)]) == exit_code
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("whole_bot")
@pytest.mark.parametrize(
    ("written", "options", "folder"),
    [
        ("", [], None),
        ("", ["--record"], "records"),
        ("record: here", [], "here"),
        ("record: here", ["--record"], "here"),
    ],
)
def test_where_flight_records_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, options: list[str], folder: str | None
) -> None:
    served: list[Path | None] = []

    async def serve(config: object, catalog: object, token: str, record: Path | None) -> None:
        served.append(record)

    monkeypatch.setenv("DISCORD_TOKEN", "x.y.z")
    monkeypatch.setattr("bot.cli.run._serve", serve)
    file = tmp_path / "config.yaml"
    file.write_text(written)
    assert main(["run", *options, str(file)]) == 0
    assert served == [None if folder is None else tmp_path / folder]

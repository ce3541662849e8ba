"""`parley live` before anything is logged in, and what it makes of a flight record. Calls are in tests/calls."""

import argparse
import io
from pathlib import Path
from typing import Any

import pytest

from bot.cli import live
from bot.cli.exit_codes import EXIT_DIFFERS, EXIT_FAILED, EXIT_LOGIN, EXIT_UNSEEN
from bot.cli.main import main
from bot.live.live_recorder import LiveRecords
from bot.plugin_host.catalog import Catalog
from tests.bot.recorder.calls import GOOD_CALL, gateway, write


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISCORD_TOKEN", "token.of.a-bot")
    monkeypatch.setenv("SECOND", "token.of.another")
    monkeypatch.setenv("VALSEA_API_KEY", "vl_key")
    monkeypatch.setattr("asyncio.run", _not_run)
    file = tmp_path / "config.yaml"
    file.write_text("{defaults: {voicebot: guide}}")
    return file


def _not_run(coroutine: Any) -> None:
    coroutine.close()
    raise AssertionError("nobody has agreed")


def _live(config: Path, *more: str) -> int:
    return main(["live", str(config), "--server", "1", "--channel", "2", *more])


def test_it_says_what_it_costs_and_asks(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in ("no\n", "", "YES, but later\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert _live(config) == EXIT_FAILED
        printed = capsys.readouterr().out
        assert "about one billed minute" in printed
        assert "only the people in the channel speak" in printed
        assert printed.endswith("Nothing was done.\n")


def test_with_a_second_bot_it_does_not_say_that_only_people_speak(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert _live(config, "--second-token-env", "SECOND") == EXIT_FAILED
    assert "only the people" not in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["yes\n", "Y\n", " Yes \n"])
def test_yes_is_yes(config: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(AssertionError, match="nobody has agreed"):
        _live(config)


@pytest.mark.parametrize("missing", ["DISCORD_TOKEN", "SECOND"])
def test_a_token_that_is_missing_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    monkeypatch.delenv(missing)
    assert _live(config, "--yes", "--second-token-env", "SECOND") == EXIT_LOGIN
    printed = capsys.readouterr()
    assert missing in printed.err
    assert printed.out == "", "nothing is promised"


def test_what_would_keep_the_call_from_being_opened_is_said_before_anybody_is_asked(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _live(config, "--yes", "--second-token-env", "DISCORD_TOKEN") == EXIT_FAILED
    assert "an application of its own" in capsys.readouterr().err
    monkeypatch.delenv("VALSEA_API_KEY")
    assert _live(config, "--yes") == EXIT_FAILED
    printed = capsys.readouterr()
    assert "VALSEA_API_KEY" in printed.err
    assert printed.out == ""
    config.write_text("{}")
    assert _live(config, "--yes") == EXIT_FAILED
    assert "No voicebot is set" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["lounge", "-5", "1.5", "99999999999999999999999"])
def test_an_id_that_is_none(config: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["live", str(config), "--server", "1", f"--channel={value}"])
    assert ended.value.code == 2
    assert f"--channel: '{value}' is no id" in capsys.readouterr().err


def test_a_place_must_be_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["live", str(config)])
    assert ended.value.code == 2
    assert "--server, --channel" in capsys.readouterr().err


def test_differences_make_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = Catalog.load()
    good = write(tmp_path / "good.jsonl", *GOOD_CALL)
    assert live._judge(good, catalog) == 0
    printed = capsys.readouterr().out
    assert "0 differ" in printed
    assert str(good) in printed
    assert live._judge(write(tmp_path / "other.jsonl", *GOOD_CALL, gateway(8.0, 42)), catalog) == EXIT_DIFFERS
    assert "1 differ" in capsys.readouterr().out
    assert live._judge(write(tmp_path / "short.jsonl", *GOOD_CALL[:4]), catalog) == EXIT_UNSEEN


def test_without_a_record_nothing_is_said_to_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert live._judge(None, Catalog.load()) == EXIT_FAILED
    assert live._judge(tmp_path / "gone.jsonl", Catalog.load()) == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "could not be written" in printed.err


def test_the_ways_out_of_a_failed_start(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever went wrong is said with the way out, and what the record tells, if there is one."""
    catalog = Catalog.load()
    options = argparse.Namespace(second_token_env="SECOND", yes=True, server=1, channel=2)
    from bot.config.load import load
    from bot.errors import Refused

    def fail(error: Exception) -> Any:
        def run(coroutine: Any) -> None:
            coroutine.close()
            raise error

        return run

    loaded = load(config, catalog.models)
    monkeypatch.setattr("asyncio.run", fail(Refused("The bot is not on server 1.")))
    assert live.main(loaded, catalog, options, config.parent / "records") == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.err == "The bot is not on server 1.\n"
    assert "held" not in printed.out
    file = write(config.parent / "call.jsonl", *GOOD_CALL)  # of a call that was begun
    monkeypatch.setattr(LiveRecords, "file", property(lambda self: file))
    assert live.main(loaded, catalog, options, config.parent / "records") == EXIT_FAILED
    assert f"The flight record, for a report: {file}" in capsys.readouterr().out
    import discord

    monkeypatch.setattr("asyncio.run", fail(discord.LoginFailure("Improper token has been passed.")))
    assert live.main(loaded, catalog, options, config.parent / "records") == EXIT_LOGIN
    assert "refused the token in DISCORD_TOKEN" in capsys.readouterr().err

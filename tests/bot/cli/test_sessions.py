"""`parley sessions`: what the operator reads, and what it does without a session to end."""

import asyncio
from pathlib import Path

import pytest

from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.cli.main import main
from bot.cli.sessions import table
from tests.bot.billing.records import record


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text("ledger: {file: books/sessions.sqlite3}\n")
    return str(file)


async def _ledger(config: str) -> SqliteLedger:
    return await SqliteLedger.open(Path(config).parent / "books" / "sessions.sqlite3")


def test_the_table() -> None:
    open_ = record("a1", state=SessionState.OPEN, opened_at=1000.0, voicebot_name="Guide", last_error="HTTP 401")
    lines = table([open_, record("b2")], 1130.0).splitlines()
    assert lines[0].split()[:4] == ["SESSION", "STATE", "OPENED", "MINUTES"]
    assert lines[1].startswith("a1")
    assert "Guide" in lines[1]
    assert "VALSEA_API_KEY" in lines[1]
    assert lines[1].endswith("HTTP 401")
    assert lines[1].split()[4] == "3"
    assert table([], 0.0) == "No session is open."


def test_before_the_first_session(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "list", "--config", config]) == 0
    assert "No session was ever opened" in capsys.readouterr().out
    assert main(["sessions", "end", "--all", "--config", config]) == 1


@pytest.mark.parametrize("arguments", [[], ["x", "--all"]])
def test_end_wants_one_or_all(config: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "end", *arguments, "--config", config]) == 2
    assert "parley sessions end ID" in capsys.readouterr().err


def test_one_that_has_no_name_is_forgotten_by_hand(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def prepare() -> None:
        ledger = await _ledger(config)
        await ledger.record_intent(record())
        await ledger.record_unknown("s1", 1000.0, "no answer")
        await ledger.close()

    asyncio.run(prepare())
    assert main(["sessions", "end", "s1", "--config", config]) == 1
    assert "parley sessions forget s1" in capsys.readouterr().err
    assert main(["sessions", "forget", "s1", "--config", config]) == 0
    assert main(["sessions", "forget", "s1", "--config", config]) == 1
    assert main(["sessions", "list", "--config", config]) == 0
    assert "No session is open." in capsys.readouterr().out

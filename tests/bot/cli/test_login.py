"""Why a bot cannot log in or go on, with the way out and without its token."""

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest

from bot.cli.login import FAILURES, explain, read_token
from bot.errors import LedgerError

CLOSED: Any = SimpleNamespace(close_code=None)


def _refused(status: int) -> discord.HTTPException:
    return discord.HTTPException(cast(Any, SimpleNamespace(status=status, reason="Bad")), "no")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (discord.LoginFailure("no"), 3, "refused the token in TOKEN"),
        (discord.ConnectionClosed(CLOSED, shard_id=None, code=4004), 3, "refused the token in TOKEN"),
        (discord.ConnectionClosed(CLOSED, shard_id=None, code=4013), 1, "code 4013"),
        (discord.PrivilegedIntentsRequired(None), 3, "intents"),
        (LedgerError("another bot has it"), 1, "another bot has it"),
        (_refused(400), 1, "at its start"),
        (aiohttp.ClientError("no route"), 1, "cannot be reached: no route"),
        (OSError("no network"), 1, "cannot be reached: no network"),
    ],
)
def test_each_failure_has_words_and_a_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    assert isinstance(error, FAILURES)
    assert explain(error, "TOKEN") == code
    assert said in capsys.readouterr().err


def test_a_token_is_read_or_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TOKEN", " abc.def ")
    assert read_token("TOKEN") == "abc.def"
    monkeypatch.setenv("TOKEN", "abc def")
    assert read_token("TOKEN") is None
    monkeypatch.delenv("TOKEN")
    assert read_token("TOKEN") is None
    printed = capsys.readouterr().err
    assert "abc" not in printed
    assert "TOKEN with the bot's token is not set" in printed

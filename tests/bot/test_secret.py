"""Secrets are read as they were meant, and refused by their variable's name alone."""

import pytest

from bot import secret
from bot.errors import SecretError


@pytest.mark.parametrize("value", ["vl_1", " vl_1", "vl_1\n", "\tvl_1\r\n "])
def test_the_blanks_that_copying_leaves_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KEY", value)
    assert secret.read("KEY") == "vl_1"


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_nothing_is_no_secret(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KEY", value)
    assert secret.read("KEY") is None
    monkeypatch.delenv("KEY")
    assert secret.read("KEY") is None


@pytest.mark.parametrize("value", ["vl_1 vl_2", "vl_1\nvl_2", "vl_\u00e9", "vl_\x7f", "vl_\u200b1"])
def test_what_no_header_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KEY", value)
    with pytest.raises(SecretError, match="variable KEY") as caught:
        secret.read("KEY")
    for said in (str(caught.value), caught.value.for_user, repr(caught.value)):
        assert "vl_" not in said

"""A changed name is taken from what carries it."""

import json
from typing import Any

import pytest

from bot import names
from bot.names import Names


def _state(**member: Any) -> dict[str, Any]:
    return {"op": 0, "t": "VOICE_STATE_UPDATE", "d": {"guild_id": "1", "user_id": "2", "member": member}}


USER = {"username": "ann", "global_name": "Ann"}


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ({"nick": "Boss", "user": USER}, "Boss"),
        ({"nick": None, "user": USER}, "Ann"),
        ({"user": {"username": "ann", "global_name": None}}, "ann"),
    ],
)
def test_the_newest_name(member: dict[str, Any], name: str) -> None:
    known = Names()
    known.learn(1, 2, "Old")
    known.learn_from_gateway(json.dumps(_state(**member)))
    assert known.of(1, 2) == name


@pytest.mark.parametrize(
    "message",
    [
        "",
        '"VOICE_STATE_UPDATE"',
        '{"t": "VOICE_STATE_UPDATE"',
        '{"t": "VOICE_STATE_UPDATE", "d": null}',
        '{"t": "VOICE_STATE_UPDATE", "d": {"user_id": "2"}}',
        '{"t": "MESSAGE_CREATE", "d": {"content": "VOICE_STATE_UPDATE"}}',
        '{"t": "PRESENCE_UPDATE", "d": {}}',
    ],
)
def test_what_says_nothing_of_a_name_changes_none(message: str) -> None:
    known = Names()
    known.learn(1, 2, "Ann")
    known.learn_from_gateway(message)
    assert known.of(1, 2) == "Ann"


def test_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 3)
    known = Names()
    for user_id in range(5):
        known.learn(1, user_id, "x")
    assert [known.of(1, user_id) for user_id in range(5)] == [None, None, "x", "x", "x"]

"""Two calls came to the same end, or it is said what is otherwise."""

from pathlib import Path
from typing import Any

import pytest

from bot.recorder.comparison import differences, end_of
from bot.recorder.reading import FlightRecord, read
from tests.bot.recorder.calls import GOOD_CALL, gateway, write

HEARD = {"t": 2.5, "kind": "event", "event": "SpeakingChanged", "user_id": "user-2", "speaking": True}


def call(folder: Path, name: str, *more: dict[str, Any], reason: str = "LEFT") -> FlightRecord:
    entries = sorted((*GOOD_CALL, HEARD, *more), key=lambda entry: entry["t"])
    told = [{**e, "reason": reason} if e.get("state") == "ENDING" else e for e in entries]
    return read(write(folder / f"{name}.jsonl", *told))


def test_the_same_call_has_no_differences(tmp_path: Path) -> None:
    one, other = call(tmp_path, "one"), call(tmp_path, "other")
    assert list(differences(one, other)) == []
    end = end_of(one)
    assert (end.live, end.reason, end.voice_sessions, end.keys, end.people_heard) == (True, "ASKED", 1, True, 1)
    assert (end.closed_with, end.resumes, end.unheard, end.assumptions) == ((), 0, (), ())


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ([{"t": 4.0, "kind": "gateway closed", "code": 4015}], "closed with: none, and 4015 in the replay"),
        ([gateway(4.0, 9)], "resumes: 0, and 1 in the replay"),
        ([gateway(4.0, 4, {"dave_protocol_version": 1})], "voice sessions: 1, and 2 in the replay"),
        ([{**HEARD, "t": 4.0, "user_id": "user-3"}], "people heard: 1, and 2 in the replay"),
        ([{"t": 4.0, "kind": "event", "event": "Unowned"}], "unheard: none, and Unowned in the replay"),
        ([gateway(4.0, 77)], "assumptions: none, and All opcodes are known in the replay"),
        (
            [{"t": 8.0, "kind": "keys", "version": 1, "ready": False, "members": 1, "recoveries": 0}],
            "keys: yes, and no in the replay",
        ),
    ],
)
def test_what_is_otherwise_is_named(tmp_path: Path, more: list[dict[str, Any]], line: str) -> None:
    assert line in list(differences(call(tmp_path, "one"), call(tmp_path, "other", *more)))


def test_another_reason(tmp_path: Path) -> None:
    one, other = call(tmp_path, "one"), call(tmp_path, "other", reason="VOICE_LOST")
    assert list(differences(one, other)) == ["reason: ASKED, and VOICE_LOST in the replay"]


@pytest.mark.parametrize("reason", ["OPERATOR", "SHUTDOWN", "ROOM_ENDED", "VOICEBOT_MISSING"])
def test_a_reason_that_is_not_discords_is_as_good_as_a_command(tmp_path: Path, reason: str) -> None:
    assert list(differences(call(tmp_path, "one", reason=reason), call(tmp_path, "other"))) == []


def test_what_comes_after_the_end_does_not_count(tmp_path: Path) -> None:
    one = call(tmp_path, "one")
    other = call(tmp_path, "other", {"t": 9.05, "kind": "gateway closed", "code": 4014})
    assert list(differences(one, other)) == []

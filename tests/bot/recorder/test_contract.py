"""Each assumption notices when it does not hold, and claims nothing that was not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.recorder.contract import ASSUMPTIONS, Assumption, Finding, Outcome, Verdict, held, judge
from tests.bot.recorder.calls import GOOD_CALL, gateway, packet, record, state


def verdicts(folder: Path, entries: Sequence[dict[str, Any]]) -> dict[str, Verdict]:
    """What was seen of each assumption, by its text."""
    return {finding.assumption.text: finding.verdict for finding in judge(record(folder, *entries))}


def changed(at: int, entry: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The good call with another entry at a place, or without it."""
    entries = list(GOOD_CALL)
    entries[at : at + 1] = [] if entry is None else [entry]
    return entries


def place(**fields: Any) -> int:
    """Where in the good call the first entry with these fields stands."""
    return next(n for n, entry in enumerate(GOOD_CALL) if all(entry.get(key) == fields[key] for key in fields))


def test_in_a_good_call_everything_held(tmp_path: Path) -> None:
    found = verdicts(tmp_path, GOOD_CALL)
    assert {text: verdict.seen for text, verdict in found.items() if verdict.outcome is not Outcome.HELD} == {}
    assert all(verdict.seen for verdict in found.values())


def test_of_an_empty_record_nothing_is_claimed(tmp_path: Path) -> None:
    assert {verdict.outcome for verdict in verdicts(tmp_path, []).values()} == {Outcome.NOT_SEEN}


READY = {"ssrc": "ssrc-1", "modes": ["xsalsa20_poly1305"]}
KEYS = {"t": 0.5, "kind": "keys", "version": 1, "ready": True, "members": 1, "recoveries": 0}
DATA = {"t": 3.2, "kind": "data", "shape": {"type": "text(9)"}, "read": []}


@pytest.mark.parametrize(
    ("text", "entries", "seen"),
    [
        (
            "Discord accepts the first voice session",
            changed(place(op=2), {"t": 0.2, "kind": "gateway closed", "code": 4006}),
            "closed with 4006",
        ),
        ("The voice gateway speaks version 8", changed(place(op=8), gateway(0.1, 8, {"v": 9})), "version 9"),
        (
            "The voice server offers an encryption that Parley has",
            changed(place(op=2), gateway(0.2, 2, READY)),
            "xsals",
        ),
        (
            "The call is end-to-end encrypted with DAVE version 1",
            changed(place(op=4), gateway(0.3, 4, {"dave_protocol_version": 0})),
            "no end-to-end",
        ),
        (
            "The call is end-to-end encrypted with DAVE version 1",
            changed(place(op=4), gateway(0.3, 4, {"dave_protocol_version": 2})),
            "version 2",
        ),
        ("Keys are agreed, and stay", changed(place(kind="keys"), {**KEYS, "ready": False}), "never agreed"),
        ("Keys are agreed, and stay", changed(place(kind="keys"), {**KEYS, "recoveries": 3}), "anew 3 times"),
        (
            "Discord says whose an SSRC is before its first packet",
            changed(place(op=5), None),
            "1 of 1 SSRCs were never",
        ),
        (
            "Discord says whose an SSRC is before its first packet",
            [packet(1.5, "ssrc-2"), *GOOD_CALL],
            "1 of 1 SSRCs came before",
        ),
        ("All opcodes are known", [*GOOD_CALL, gateway(9.5, 42)], "opcodes 42"),
        ("All fields of messages are known", [*GOOD_CALL, gateway(9.5, 13, {"why": "x"})], "Client Disconnect: why"),
        ("All packets are Opus", [*GOOD_CALL, packet(8.0, "ssrc-9", payload=101)], "payload types 101"),
        (
            "The voice session lasts as long as the call",
            [*GOOD_CALL[:-3], {"t": 5.0, "kind": "gateway closed", "code": 4015}, *GOOD_CALL[-3:]],
            "closed 1 times (4015)",
        ),
        (
            "The voicebot is an agent by its token",
            changed(place(kind="participant"), {"t": 1, "kind": "participant", "what": "joined", "type": "STANDARD"}),
            "STANDARD",
        ),
        ("What is said comes as lines", changed(place(kind="data"), None), "no line came"),
        ("Every data packet is understood", [*GOOD_CALL, DATA], "1 of 2 data packets"),
    ],
)
def test_what_differs_is_noticed(tmp_path: Path, text: str, entries: list[dict[str, Any]], seen: str) -> None:
    found = verdicts(tmp_path, entries)
    assert found[text].outcome is Outcome.DIFFERS
    assert seen in found[text].seen
    assert found[text].consequence
    others = {other for other, verdict in found.items() if verdict.outcome is Outcome.DIFFERS} - {text}
    assert others == set()


def test_every_assumption_is_tried_here(tmp_path: Path) -> None:
    mark = next(m for m in test_what_differs_is_noticed.pytestmark if m.name == "parametrize")
    assert {row[0] for row in mark.args[1]} == {assumption.text for assumption in ASSUMPTIONS}


def test_lines_may_come_as_text_streams(tmp_path: Path) -> None:
    stream = {"t": 3.2, "kind": "text stream", "topic": "lk.transcription", "attributes": {}}
    found = verdicts(tmp_path, changed(place(kind="data"), stream))
    assert found["What is said comes as lines"] == held("text streams")


def test_a_session_that_the_bot_closes_at_the_end_is_no_trouble(tmp_path: Path) -> None:
    found = verdicts(
        tmp_path, [state(1, "LIVE"), state(5, "ENDING"), {"t": 5.1, "kind": "gateway closed", "code": None}]
    )
    assert found["The voice session lasts as long as the call"].outcome is Outcome.HELD


@pytest.mark.parametrize(("at", "outcome"), [(2.05, Outcome.HELD), (3.5, Outcome.DIFFERS)])
def test_speaking_may_come_a_moment_behind_the_first_packet(tmp_path: Path, at: float, outcome: Outcome) -> None:
    told = gateway(at, 5, {"user_id": "user-2", "ssrc": "ssrc-2", "speaking": 1})
    entries = sorted(changed(place(op=5), told), key=lambda entry: entry["t"])
    verdict = verdicts(tmp_path, entries)["Discord says whose an SSRC is before its first packet"]
    assert verdict.outcome is outcome
    assert outcome is Outcome.HELD or "1 of 1 SSRCs came before Speaking" in verdict.seen


def test_alone_in_the_channel_there_are_no_keys_to_agree_on(tmp_path: Path) -> None:
    alone = [{**KEYS, "ready": False, "members": 0}]
    assert verdicts(tmp_path, alone)["Keys are agreed, and stay"].outcome is Outcome.NOT_SEEN
    told = [gateway(0.3, 11, {"user_ids": ["user-2"]}), *alone]
    assert verdicts(tmp_path, told)["Keys are agreed, and stay"].outcome is Outcome.DIFFERS


def test_a_provider_adds_its_own(tmp_path: Path) -> None:
    more = Assumption("The provider is kind", lambda record: held(record.header["parley"]))
    found = list(judge(record(tmp_path, *GOOD_CALL), [more]))
    assert found[-1] == Finding(more, held("0.1.0"))

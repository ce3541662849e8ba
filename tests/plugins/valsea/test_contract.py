"""Each assumption about Valsea notices when it does not hold, names what follows, and the setting that helps."""

from pathlib import Path
from typing import Any

import pytest

from bot.recorder.contract import Outcome, Verdict, judge
from plugins.valsea.contract import ASSUMPTIONS
from tests.bot.recorder.calls import record, state

Entry = dict[str, Any]

SESSION: Entry = {
    "sessionId": "hex(24)",
    "participantToken": "token(300)",
    "livekitUrl": "address wss(20)",
    "roomName": "identifier(40)",
    "voicebotName": "text(12)",
    "voicebotAvatarUrl": "address https(40)",
    "imageMappings": {"list of 4": [{"imageKey": "word(4)", "imageUrl": "address https(40)"}]},
    "expiresAt": "time(32)",
}
LINE: Entry = {"type": "transcript", "role": "user", "text": "text(12)", "isComplete": True}
PATH = "/v1/voicebot-livekit/session/<part-1>"
PAGE: Entry = {"messages": {"list of 2": [{"id": "identifier(2)", "content": "text(12)"}]}}


def asked(request: str, status: int | None, answer: Any = None, *, html: bool = False, **more: Any) -> Entry:
    kind = "text/html" if html else "application/json"
    return {"t": 2.0, "kind": "provider", "request": request, "status": status, "answer": answer} | {
        "content_type": None if status == 204 else kind,
        "headers": [],
        "seconds": 0.1,
        **more,
    }


def probe(what: str) -> Entry:
    return {"t": 2.0, "kind": "probe", "what": what}


def data(shape: Entry, sender: str = "server API") -> Entry:
    return {"t": 3.0, "kind": "data", "from": sender, "shape": shape, "read": ["line of the user, final"]}


def call(
    session: Entry | None = None,
    end: Entry | None = None,
    again: Entry | None = None,
    messages: list[Entry] | None = None,
    key: Entry | None = None,
    voicebot: Entry | None = None,
    line: Entry | None = None,
) -> list[Entry]:
    """A live check's call, as everything is assumed but what is named."""
    return [
        session or asked("POST /v1/voicebot-livekit/session", 201, SESSION),
        state(1.0, "LIVE"),
        line or data(LINE),
        probe("messages"),
        *(messages or [asked(f"GET {PATH}/messages", 200, PAGE)]),
        probe("profile"),
        asked("GET /v1/voicebots/<part-2>", 200, {"name": "text(12)"}),
        probe("key"),
        key or asked("GET /v1/voicebot-livekit/voicebots/<part-2>/image-mappings/library", 401, {"detail": {}}),
        probe("voicebot"),
        voicebot or asked("GET /v1/voicebot-livekit/voicebots/<part-3>/image-mappings/library", 404, {"detail": {}}),
        state(9.0, "ENDING"),
        end or asked(f"DELETE {PATH}", 204, headers=["x-credits-used"]),
        state(9.5, "ENDED"),
        probe("ended"),
        again or asked(f"DELETE {PATH}", 404, {"message": "text(17)"}),
    ]


def verdicts(folder: Path, entries: list[Entry]) -> dict[str, Verdict]:
    own = {assumption.text for assumption in ASSUMPTIONS}
    found = judge(record(folder, *entries), ASSUMPTIONS)
    return {one.assumption.text: one.verdict for one in found if one.assumption.text in own}


def test_as_assumed_everything_holds(tmp_path: Path) -> None:
    found = verdicts(tmp_path, call())
    assert {text: verdict.seen for text, verdict in found.items() if verdict.outcome is not Outcome.HELD} == {}
    assert all(verdict.seen for verdict in found.values())


def test_of_an_empty_record_nothing_is_claimed(tmp_path: Path) -> None:
    assert {verdict.outcome for verdict in verdicts(tmp_path, []).values()} == {Outcome.NOT_SEEN}


def test_a_call_of_every_day_is_judged_by_what_it_has(tmp_path: Path) -> None:
    entries = [entry for entry in call() if entry["kind"] != "probe"]
    found = verdicts(tmp_path, entries[:3] + entries[-4:-2])
    outcomes = {text: verdict.outcome for text, verdict in found.items()}
    assert outcomes["Valsea ends a session at once"] is Outcome.HELD
    assert outcomes["Valsea refuses a wrong key as such"] is Outcome.NOT_SEEN


def opened(**fields: Any) -> list[Entry]:
    """An answer with other fields; None takes one out."""
    answer = {key: value for key, value in {**SESSION, **fields}.items() if value is not None}
    return call(session=asked("POST /v1/voicebot-livekit/session", 201, answer))


NAMED = "Valsea's answer names the room, its address and a token"
EXPIRY = "Valsea says in ISO 8601 when the token ends"
NAME = "Valsea says what the voicebot is called"
END = "Valsea ends a session at once"
MESSAGES = "Valsea's transcript is where it is looked for"
LINES = "Valsea's lines have the form of its sample client"


@pytest.mark.parametrize(
    ("text", "entries", "seen"),
    [
        (NAMED, opened(roomName=None), "no roomName"),
        (NAMED, opened(region="word(2)", limits={}), "new fields: limits, region"),
        (NAMED, call(session=asked("POST /v1/voicebot-livekit/session", 402, {"detail": {}})), "status 402"),
        (EXPIRY, opened(expiresAt=None), "nothing"),
        (EXPIRY, opened(expiresAt="whole number"), "whole number"),
        (EXPIRY, opened(expiresAt="digits(10)"), "digits(10)"),
        (END, call(end=asked(f"DELETE {PATH}", 200, {"ended": True})), "answered 200"),
        (END, call(end=asked(f"DELETE {PATH}", 404, {"message": "text(17)"})), "answered 404"),
        (END, call(end=asked(f"DELETE {PATH}", None, error="ReadTimeout")), "answered ReadTimeout"),
        ("Valsea says what a session has cost", call(end=asked(f"DELETE {PATH}", 204, headers=["date"])), "only date"),
        ("Valsea says that a session is over already", call(again=asked(f"DELETE {PATH}", 204)), "status 204"),
        (
            "Valsea says that a session is over already",
            call(again=asked(f"DELETE {PATH}", 404, html=True)),
            "status 404, text/html",
        ),
        (MESSAGES, call(messages=[asked(f"GET {PATH}/messages", 404, html=True)] * 3), "no transcript at 3 paths"),
        (MESSAGES, call(messages=[asked(f"GET {PATH}/messages", 200, {"count": "whole number"})]), "no list"),
        (
            MESSAGES,
            [
                {"t": 3.0, "kind": "event", "event": "Utterance"},
                *call(messages=[asked(f"GET {PATH}/messages", 200, {"messages": {"list of 0": []}})]),
            ],
            "empty, though something was said",
        ),
        (LINES, call(line={**data(LINE), "shape": "47 bytes that are not JSON"}), "47 bytes"),
        ("Valsea refuses a wrong key as such", call(key=asked("GET /v1/x", 403, {"detail": {}})), "status 403"),
        ("Valsea refuses an unknown voicebot as such", call(voicebot=asked("GET /v1/x", 200, {})), "status 200"),
        (LINES, call(line=data({"type": "transcript", "role": "user", "content": "text(3)"})), "content"),
        (LINES, call(line=data({"event": "transcription", "text": "text(3)"})), "transcription"),
        ("Valsea's packets come from its server", call(line=data(LINE, "AGENT")), "from AGENT"),
    ],
)
def test_what_differs(tmp_path: Path, text: str, entries: list[Entry], seen: str) -> None:
    verdict = verdicts(tmp_path, entries)[text]
    assert verdict.outcome is Outcome.DIFFERS
    assert seen in verdict.seen
    assert verdict.consequence
    others = {other.outcome for name, other in verdicts(tmp_path, entries).items() if name != text}
    assert Outcome.HELD in others


def test_the_path_of_the_transcript_is_proposed(tmp_path: Path) -> None:
    found = [asked(f"GET {PATH}/messages", 404, html=True), asked(f"GET {PATH}/transcript", 200, PAGE)]
    verdict = verdicts(tmp_path, call(messages=found))[MESSAGES]
    assert verdict.outcome is Outcome.DIFFERS
    assert verdict.proposal == (
        'defaults: {plugins: {valsea: {messages_path: "/v1/voicebot-livekit/session/{room}/transcript"}}}'
    )


@pytest.mark.parametrize("name", [None, "hex(24)", "uuid(36)", "digits(9)"])
def test_a_voicebot_without_a_name_gets_one(tmp_path: Path, name: str | None) -> None:
    verdict = verdicts(tmp_path, opened(voicebotName=name))[NAME]
    assert verdict.outcome is Outcome.DIFFERS
    assert verdict.proposal is not None
    assert verdict.proposal.startswith("defaults: {voicebot_name: ")


def test_retries_are_not_taken_for_the_second_end(tmp_path: Path) -> None:
    """The end was asked for twice, and the check's own one comes after them."""
    entries = call(end=asked(f"DELETE {PATH}", 500, {}))
    entries.insert(-3, asked(f"DELETE {PATH}", 204, headers=["x-credits-used"]))
    found = verdicts(tmp_path, entries)
    assert "answered 500, 204" in found[END].seen
    assert found["Valsea says that a session is over already"].outcome is Outcome.HELD

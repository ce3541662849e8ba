"""From a flight record to what is played: who, when, and how the voice server behaves."""

from typing import Any

import pytest

from sandbox.discord.voice.behaviour import VoiceBehaviour
from sandbox.replay.reading import scenario_of
from sandbox.replay.scenario import ChangesSender, ChangesServer, Closes, Ends, Joins, Leaves, Sends, Speaks, Step

Entry = dict[str, Any]


def gateway(t: float, op: int, data: Entry | None = None, direction: str = "in", **more: Any) -> Entry:
    return {"t": t, "kind": "gateway", "direction": direction, "op": op, "d": data or {}, **more}


def binary(t: float, op: int, size: int = 100, **more: Any) -> Entry:
    return {"t": t, "kind": "gateway", "direction": "in", "op": op, "bytes": size, **more}


def packet(t: float, ssrc: str = "ssrc-2", **more: Any) -> Entry:
    size = 100 + round(t * 1000) % 37  # Opus frames of speech have all sizes
    entry = {"t": t, "kind": "packet", "direction": "in", "bytes": size, "ssrc": ssrc, "type": 120, "extension": True}
    return {**entry, **more}


def state(t: float, name: str, reason: str | None = None) -> Entry:
    return {"t": t, "kind": "state", "state": name, **({"reason": reason} if reason else {})}


#: Ann was there, and says something of two seconds; somebody ends the call.
ANN: list[Entry] = [
    gateway(0.10, 8, {"v": 8}),
    gateway(0.11, 0, direction="out"),
    gateway(0.12, 2),
    gateway(0.13, 1, direction="out"),
    gateway(0.14, 4, {"dave_protocol_version": 1}),
    gateway(0.15, 11, {"user_ids": ["user-2"]}),
    gateway(0.15, 5, {"user_id": "user-2", "ssrc": "ssrc-2"}),
    binary(0.16, 25),
    binary(0.20, 29, transition_id=2),
    state(1.0, "LIVE"),
    *(packet(2.0 + 0.02 * number) for number in range(5)),
    packet(3.1, skipped=50),
    packet(4.0, skipped=44),
    gateway(5.0, 3, direction="out"),
    gateway(5.01, 6),
    state(9.0, "ENDING", "LEFT"),
    {"t": 9.1, "kind": "gateway closed", "code": 1000},
]


def with_more(*more: Entry, without: tuple[int, ...] = ()) -> list[Entry]:
    entries = [e for e in ANN if not (e["kind"] == "gateway" and e["direction"] == "in" and e["op"] in without)]
    return sorted([*entries, *more], key=lambda entry: entry["t"])


def steps(entries: list[Entry], kind: type[Step]) -> list[Step]:
    return [step for step in scenario_of(entries).steps if isinstance(step, kind)]


def test_an_ordinary_call() -> None:
    scenario = scenario_of(ANN)
    assert scenario.present == ("user-2",)
    assert scenario.behaviour == {}
    assert scenario.length == 9.0
    said, ended = scenario.steps
    assert said == Speaks(2.0, "user-2", 2.02)
    assert ended == Ends(9.0, "command")


def test_who_comes_and_goes() -> None:
    entries = with_more(
        gateway(3.0, 11, {"user_ids": ["user-3"]}),
        gateway(4.0, 13, {"user_id": "user-3"}),
        gateway(6.0, 11, {"user_ids": ["user-3"]}),
        gateway(9.05, 13, {"user_id": "user-2"}),
    )
    assert scenario_of(entries).present == ("user-2",)
    assert steps(entries, Joins) == [Joins(3.0, "user-3"), Joins(6.0, "user-3")]
    assert steps(entries, Leaves) == [Leaves(4.0, "user-3")]


def test_what_is_far_apart_was_said_twice() -> None:
    entries = with_more(packet(7.0, skipped=0), packet(7.02))
    assert [step.at for step in steps(entries, Speaks)] == [2.0, 7.0]


@pytest.mark.parametrize(
    ("entries", "behaviour"),
    [
        (with_more(without=(5,)), {"introduces_present": False, "introduces_speakers": False}),
        (
            with_more(gateway(4.0, 5, {"user_id": "user-2", "ssrc": "ssrc-2"}), without=(5,)),
            {"introduction_delay": 3.86},
        ),
        (with_more(without=(11,)), {"announces": False}),
        (
            with_more(
                {"t": 0.05, "kind": "gateway closed", "code": 4006}, {"t": 0.06, "kind": "gateway closed", "code": 4006}
            ),
            {"refuse_identifies": 2, "refuse_with": 4006},
        ),
        (
            [{**e, "t": e["t"] + 3} if e["t"] >= 0.14 else e for e in ANN],
            {"description_delay": 3.01},
        ),
        (
            [{**e, "t": e["t"] + 0.5} if e["t"] >= 0.16 else e for e in ANN],
            {"dave_delay": 0.52},
        ),
        (with_more(binary(0.165, 25), binary(0.205, 29, transition_id=2)), {"dave_twice": True}),
        (
            [{**e, "transition_id": 65_534} if "transition_id" in e else e for e in ANN],
            {"first_transition": 65_534},
        ),
        ([{**e, "t": 6.5} if e.get("op") == 6 else e for e in ANN], {"acknowledgement_delay": 1.5}),
        ([{**e, "padding": True} if e["kind"] == "packet" else e for e in ANN], {"padding": 100}),
        ([{**e, "extension": False} if e["kind"] == "packet" else e for e in ANN], {"extension": "none"}),
        (with_more(packet(2.5, "ssrc-9", type=0x66)), {"noise": frozenset({"retransmission"})}),
        (with_more(packet(2.5, "ssrc-9", type=0x65)), {"noise": frozenset({"camera"})}),
        (
            with_more({"t": 2.5, "kind": "packet", "direction": "in", "bytes": 200, "rtp": False}),
            {"noise": frozenset({"zeros"})},
        ),
        (with_more({"t": 2.5, "kind": "packet", "direction": "in", "bytes": 28, "rtp": False, "rtcp": 200}), {}),
    ],
)
def test_how_the_voice_server_behaves(entries: list[Entry], behaviour: Entry) -> None:
    found = scenario_of(sorted(entries, key=lambda entry: entry["t"])).behaviour
    assert dict(found) == pytest.approx(behaviour) if "noise" not in behaviour else found == behaviour
    VoiceBehaviour(**found)  # every field is one of its own


def test_what_messages_hold_is_sent_as_it_was_recorded() -> None:
    entries = with_more(without=(2, 4, 8))
    entries += [
        gateway(0.10, 8, {"v": 9, "heartbeat_interval": 500, "region": "word(4)"}),
        gateway(0.12, 2, {"ssrc": "ssrc-1", "modes": ["xsalsa20_poly1305"], "streams": []}),
        gateway(0.14, 4, {"mode": "x", "dave_protocol_version": 2, "audio_codec": "opus"}),
        gateway(3.0, 5, {"user_id": "user-2", "ssrc": "ssrc-2", "speaking": 1, "clips": True}),
    ]
    scenario = scenario_of(sorted(entries, key=lambda entry: entry["t"]))
    assert scenario.hello == {"v": 9, "region": "word(4)"}
    assert scenario.encrypted
    assert scenario.behaviour["modes"] == ("xsalsa20_poly1305",)
    assert scenario.behaviour["fields"] == {
        2: {"streams": []},
        4: {"audio_codec": "opus", "dave_protocol_version": 2},
        5: {"clips": True},
    }
    VoiceBehaviour(**scenario.behaviour)


def test_a_call_without_end_to_end_encryption() -> None:
    assert not scenario_of(with_more(gateway(0.14, 4, {"dave_protocol_version": 0}), without=(4,))).encrypted


def test_somebody_who_was_never_told_of_is_made_up() -> None:
    scenario = scenario_of(with_more(without=(5, 11)))
    assert scenario.present == ("owner of ssrc-2",)
    assert scenario.steps[0] == Speaks(2.0, "owner of ssrc-2", 2.02)


def test_packets_of_one_size_are_no_speech_of_anybody() -> None:
    zeros = [packet(2.0 + number, "ssrc-9", bytes=97) for number in range(6)]
    scenario = scenario_of(with_more(*zeros))
    assert scenario.present == ("user-2",)
    assert [step.who for step in scenario.steps if isinstance(step, Speaks)] == ["user-2"]


def test_an_ssrc_without_an_owner_is_of_who_has_none() -> None:
    entries = with_more(gateway(0.15, 11, {"user_ids": ["user-2", "user-3"]}), packet(6.0, "ssrc-7"))
    scenario = scenario_of(entries)
    assert scenario.present == ("user-2", "user-3")
    assert [step.who for step in scenario.steps if isinstance(step, Speaks)] == ["user-2", "user-3"]


@pytest.mark.parametrize(
    ("more", "step"),
    [
        ([{"t": 5.0, "kind": "gateway closed", "code": 4015}], Closes(5.0, 4015, forgets=False)),
        ([{"t": 5.0, "kind": "gateway closed", "code": 4006}], Closes(5.0, 4006, forgets=True)),
        ([{"t": 5.0, "kind": "gateway closed", "code": None}], Closes(5.0, 4015, forgets=False)),
        (
            [
                {"t": 5.0, "kind": "gateway closed", "code": 4015},
                gateway(5.3, 7, direction="out"),
                {"t": 5.4, "kind": "gateway closed", "code": 4006},
            ],
            Closes(5.0, 4015, forgets=True),
        ),
        (
            [
                {"t": 5.0, "kind": "gateway closed", "code": 4014},
                {"t": 5.1, "kind": "event", "event": "ServerChanged"},
                gateway(5.3, 4, {"dave_protocol_version": 1}),
            ],
            ChangesServer(5.1),
        ),
        (
            [
                {"t": 0.5, "kind": "gateway closed", "code": 4014},
                gateway(0.6, 0, direction="out"),
                gateway(0.7, 4, {"dave_protocol_version": 1}),
            ],
            ChangesServer(0.5),
        ),
        ([binary(5.0, 25)], ChangesSender(5.0)),
        ([gateway(5.0, 99, {"hello": ["word(5)"]})], Sends(5.0, 99, {"hello": ["word(5)"]})),
    ],
)
def test_what_happens_in_mid_call(more: list[Entry], step: Step) -> None:
    found = [one for one in scenario_of(with_more(*more)).steps if not isinstance(one, Speaks | Ends)]
    assert found == [step]


def test_a_late_goodbye_of_somebody_who_is_back() -> None:
    entries = with_more(
        gateway(5.0, 5, {"user_id": "user-2", "ssrc": "ssrc-5"}),
        packet(5.1, "ssrc-5"),
        gateway(5.6, 13, {"user_id": "user-2"}),
        packet(6.1, "ssrc-5", skipped=40),
    )
    scenario = scenario_of(entries)
    assert scenario.behaviour["late_disconnect"] == pytest.approx(0.6)
    assert steps(entries, Leaves) == [Leaves(4.5, "user-2")]
    assert steps(entries, Joins) == [Joins(4.5, "user-2")]


@pytest.mark.parametrize(
    ("reason", "how"), [("LEFT", "command"), ("DISCONNECTED", "kick"), ("MOVED", "move"), ("EMPTY", None)]
)
def test_who_ends_it(reason: str, how: str | None) -> None:
    entries = [{**e, "reason": reason} if e.get("state") == "ENDING" else e for e in ANN]
    assert steps(entries, Ends) == ([] if how is None else [Ends(9.0, how)])  # type: ignore[arg-type]


def test_a_call_that_never_began_is_not_ended_by_anybody() -> None:
    entries = [e for e in ANN if e.get("state") != "LIVE"]
    assert steps(entries, Ends) == []


def test_a_record_without_a_voice_server() -> None:
    with pytest.raises(ValueError, match="nothing to play"):
        scenario_of([state(0.1, "CONNECTING"), state(0.2, "ENDING", "NOT_STARTED")])

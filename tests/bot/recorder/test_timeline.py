"""A call as people read it."""

from pathlib import Path

from bot.recorder.timeline import MAX_DETAILS, timeline
from tests.bot.recorder.calls import GOOD_CALL, gateway, packet, record


def test_a_call_reads_from_top_to_bottom(tmp_path: Path) -> None:
    lines = list(timeline(record(tmp_path, *GOOD_CALL)))
    assert lines[0] == "call.jsonl: format 1, parley 0.1.0"
    assert lines[1] == "     0.100  voice gateway     <- 8 Hello v=8 heartbeat_interval=13750"
    assert "     0.100  voice gateway     -> 0 Identify user_id=user-1 token=token-1" in lines
    assert "     0.900  provider          POST /v1/session - -> 201 in 0.3 s a=b" in lines
    assert "     1.000  call              LIVE" in lines
    assert lines[-1].endswith("end of record     {}")
    times = [float(line[:10]) for line in lines[1:-1]]
    assert times == sorted(times)


def test_heartbeats_and_further_packets_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    found = record(tmp_path, *GOOD_CALL)
    short, long = list(timeline(found)), list(timeline(found, everything=True))
    assert sum("Heartbeat" in line for line in short) == 0
    assert sum("Heartbeat" in line for line in long) == 1
    assert sum("ssrc-2" in line and "packet" in line for line in short) == 1
    assert sum("ssrc-2" in line and "packet" in line for line in long) == 2


def test_keys_are_shown_when_they_change(tmp_path: Path) -> None:
    keys = {"kind": "keys", "version": 1, "ready": False, "members": 0, "recoveries": 0}
    ready = {**keys, "ready": True, "members": 1}
    found = record(tmp_path, *({"t": t, **entry} for t, entry in enumerate((keys, keys, ready, ready, keys))))
    assert [line[:10].strip() for line in timeline(found) if "keys" in line] == ["0.000", "2.000", "4.000"]
    assert sum("keys" in line for line in timeline(found, everything=True)) == 5


def test_the_same_ssrc_in_the_other_direction_is_shown(tmp_path: Path) -> None:
    lines = list(timeline(record(tmp_path, packet(1, "ssrc-1"), packet(2, "ssrc-1", "out"))))
    assert [line[30:32] for line in lines if "packet" in line] == ["<-", "->"]


def test_a_line_has_an_end(tmp_path: Path) -> None:
    crowd = gateway(1, 11, {"user_ids": [f"user-{number}" for number in range(64)], "note": "x" * 5000})
    line = list(timeline(record(tmp_path, crowd)))[1]
    assert len(line) <= MAX_DETAILS + 30


def test_an_opcode_that_nobody_knows(tmp_path: Path) -> None:
    assert "<- 99 of which nothing is known a=b" in list(timeline(record(tmp_path, gateway(1, 99, {"a": "b"}))))[1]


def test_entries_of_another_form_are_shown_all_the_same(tmp_path: Path) -> None:
    odd = [{"t": 1, "kind": kind} for kind in ("gateway", "packet", "provider", "event", "state", "data", "new kind")]
    assert len(list(timeline(record(tmp_path, *odd), everything=True))) == len(odd) + 2

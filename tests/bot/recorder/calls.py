"""Flight records of calls that tests make up."""

import json
from pathlib import Path
from typing import Any

from bot.recorder.folder import FORMAT
from bot.recorder.reading import FlightRecord, read

Entry = dict[str, Any]


def write(file: Path, *entries: Entry, header: Entry | None = None, end: Entry | None = None) -> Path:
    """Write a flight record; `end` is what its last line says besides that it is the last one."""
    first = {"t": 0.0, "kind": "record", "format": FORMAT, "parley": "0.1.0", **(header or {})}
    last = {"kind": "end of record", **(end or {})}
    file.write_text("".join(json.dumps(entry) + "\n" for entry in (first, *entries, last)))
    return file


def record(folder: Path, *entries: Entry) -> FlightRecord:
    """A flight record with these entries."""
    return read(write(folder / "call.jsonl", *entries))


def gateway(t: float, op: int, data: Entry | None = None, direction: str = "in", **more: Any) -> Entry:
    return {"t": t, "kind": "gateway", "direction": direction, "op": op, "d": data or {}, **more}


def packet(t: float, ssrc: str, direction: str = "in", payload: int = 0x78) -> Entry:
    return {"t": t, "kind": "packet", "direction": direction, "bytes": 187, "ssrc": ssrc, "type": payload}


def state(t: float, name: str) -> Entry:
    return {"t": t, "kind": "state", "state": name}


#: A call in which everything was as the code assumes.
GOOD_CALL: tuple[Entry, ...] = (
    gateway(0.1, 8, {"v": 8, "heartbeat_interval": 13750}),
    gateway(0.1, 0, {"user_id": "user-1", "token": "token-1"}, "out"),
    gateway(0.2, 2, {"ssrc": "ssrc-1", "modes": ["aead_aes256_gcm_rtpsize"]}),
    gateway(0.3, 4, {"mode": "aead_aes256_gcm_rtpsize", "dave_protocol_version": 1}),
    gateway(0.3, 11, {"user_ids": ["user-2"]}),
    {"t": 0.5, "kind": "keys", "version": 1, "ready": True, "members": 1, "recoveries": 0},
    {"t": 0.9, "kind": "provider", "request": "POST /v1/session", "status": 201, "seconds": 0.3, "answer": {"a": "b"}},
    state(1.0, "LIVE"),
    {"t": 1.0, "kind": "participant", "what": "there", "who": "participant-1", "type": "AGENT", "attributes": {}},
    gateway(2.0, 5, {"user_id": "user-2", "ssrc": "ssrc-2", "speaking": 1}),
    packet(2.0, "ssrc-2"),
    gateway(2.1, 3, {"t": 1}, "out"),
    packet(3.0, "ssrc-2"),
    {"t": 3.2, "kind": "data", "topic": None, "shape": {"type": "transcript"}, "read": ["line of the user, final"]},
    {"t": 3.4, "kind": "event", "event": "VoicebotSpeaking", "speaking": True},
    packet(3.4, "ssrc-1", "out"),
    state(9.0, "ENDING"),
    {"t": 9.1, "kind": "gateway closed", "code": 1000},
    state(9.2, "ENDED"),
)

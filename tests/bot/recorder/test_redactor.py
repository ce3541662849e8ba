"""What is written of an event: enough to play its order again, and nothing of anybody."""

import json
import struct
from typing import Any

import pytest

from bot.billing.end_reason import EndReason
from bot.call.events import WarningGiven
from bot.call.guards import End, Warn
from bot.language import say
from bot.media.events import SpeakingChanged, VoiceLost
from bot.media.report import SoundReport, SpeakerReport
from bot.provider import ShownImage, Utterance
from bot.recorder.events import (
    GatewayClosed,
    GatewayMessage,
    Happened,
    KeysChanged,
    PacketSample,
    RoomData,
    RoomParticipant,
    RoomStream,
    RoomTrack,
    StateChanged,
)
from bot.recorder.exchanges import Exchange
from bot.recorder.redactor import Redactor
from bot.room.events import AgentState, RoomClosed, RoomEnd
from bot.voice.close_codes import Remedy
from bot.voice.gateway import VoiceServerInfo

#: What none of the entries may hold.
SECRETS = ("112233445566778899", "SECRET", "Anna", "museum", "198.51.100.7", "3735928559")


def entry(event: Any) -> dict[str, Any]:
    """The entry of one event, as it is read again from its file."""
    found: dict[str, Any] = json.loads(json.dumps(Redactor().entry(event)))
    text = json.dumps(found)
    assert not [secret for secret in SECRETS if secret in text]
    return found


def gateway(op: int, data: Any, direction: Any = "in") -> dict[str, Any]:
    found = entry(GatewayMessage(direction, op, data))
    assert (found.pop("kind"), found.pop("direction"), found.pop("op")) == ("gateway", direction, op)
    return found


def test_identify_keeps_its_form_and_no_secret() -> None:
    data = {
        "server_id": "112233445566778899",
        "user_id": "112233445566778899",
        "session_id": "SECRET",
        "token": "SECRET",
        "max_dave_protocol_version": 1,
    }
    assert gateway(0, data, "out")["d"] == {
        "server_id": "server-1",
        "user_id": "user-1",
        "session_id": "voice-session-1",
        "token": "token-1",
        "max_dave_protocol_version": 1,
    }


def test_ready_keeps_the_modes() -> None:
    data = {"ssrc": 3735928559, "ip": "198.51.100.7", "port": 50001, "modes": ["aead_aes256_gcm_rtpsize", "x"]}
    assert gateway(2, data)["d"] == {
        "ssrc": "ssrc-1",
        "ip": "address-1",
        "port": "port-1",
        "modes": ["aead_aes256_gcm_rtpsize", "x"],
    }


def test_the_key_is_not_written() -> None:
    data = {"mode": "aead_aes256_gcm_rtpsize", "secret_key": list(range(1, 33)), "dave_protocol_version": 1}
    assert gateway(4, data)["d"] == {
        "mode": "aead_aes256_gcm_rtpsize",
        "secret_key": {"list of 32": "whole number"},
        "dave_protocol_version": 1,
    }


def test_people_keep_their_names_through_a_record() -> None:
    redactor = Redactor()
    joined = redactor.entry(GatewayMessage("in", 11, {"user_ids": ["112233445566778899", "2"]}))
    speaking = redactor.entry(GatewayMessage("in", 5, {"user_id": "2", "ssrc": 9, "speaking": 1}))
    heard = redactor.entry(Happened(SpeakingChanged(2, True, 100.0)))
    assert joined["d"] == {"user_ids": ["user-1", "user-2"]}
    assert speaking["d"] == {"user_id": "user-2", "ssrc": "ssrc-1", "speaking": 1}
    assert (heard["event"], heard["user_id"]) == ("SpeakingChanged", "user-2")
    assert heard["speaking"] is True


def test_fields_that_nobody_knows_are_forms() -> None:
    data = {"nickname": "Anna", "member": {"name": "Anna", "id": 112233445566778899}, "seen at the museum": 1}
    assert gateway(99, data)["d"] == {"nickname": "word(4)", "member": {"name": "word(4)", "id": "whole number"}}


@pytest.mark.parametrize("data", [None, [], "Anna", 7, {"user_ids": "Anna"}, {"modes": {"a": {"b": {"c": [[[[1]]]]}}}}])
def test_a_message_of_another_form_can_be_written(data: Any) -> None:
    gateway(5, data)


def test_a_crowd_is_cut() -> None:
    found = gateway(11, {"user_ids": [str(number) for number in range(5000)]})
    assert len(found["d"]["user_ids"]) == 65
    assert found["d"]["user_ids"][-1] == "… 4936 more"


@pytest.mark.parametrize(
    ("op", "payload", "expected"),
    [
        (25, b"SECRET", {"bytes": 6}),
        (27, b"\0SECRET", {"bytes": 7, "operation": "append"}),
        (27, b"\1SECRET", {"bytes": 7, "operation": "revoke"}),
        (29, b"\0\5SECRET", {"bytes": 8, "transition_id": 5}),
        (30, b"\1\0SECRET", {"bytes": 8, "transition_id": 256}),
        (30, b"\1", {"bytes": 1}),
        (27, b"", {"bytes": 0}),
    ],
)
def test_binary_messages_keep_what_orders_them(op: int, payload: bytes, expected: dict[str, Any]) -> None:
    assert gateway(op, payload) == expected


def test_a_packet_is_its_header() -> None:
    head = struct.pack(">BBHII", 0x90, 0x80 | 0x78, 7, 960, 3735928559)
    assert entry(PacketSample("in", head, 187, 49)) == {
        "kind": "packet",
        "direction": "in",
        "bytes": 187,
        "skipped": 49,
        "ssrc": "ssrc-1",
        "type": 0x78,
        "marker": True,
        "sequence": 7,
        "timestamp": 960,
        "extension": True,
        "padding": False,
    }


@pytest.mark.parametrize("head", [b"", b"\x01", b"\x00" * 12])
def test_what_is_no_packet_of_sound_is_its_size(head: bytes) -> None:
    assert entry(PacketSample("out", head, 74, 0)) == {"kind": "packet", "direction": "out", "bytes": 74, "rtp": False}


def test_rtcp_shares_the_port_and_is_no_sound() -> None:
    report = struct.pack(">BBHI", 0x80, 200, 6, 3735928559) + bytes(4)
    assert entry(PacketSample("in", report, 60, 3)) == {
        "kind": "packet",
        "direction": "in",
        "bytes": 60,
        "skipped": 3,
        "rtp": False,
        "rtcp": 200,
    }


def test_data_is_its_shape_and_what_was_read() -> None:
    payload = b'{"type": "transcript", "role": "user", "text": "Where is the museum, Anna?"}'
    found = entry(RoomData("lk.chat", "AGENT", "Anna", payload, ("line of the user, final",)))
    assert found == {
        "kind": "data",
        "topic": "lk.chat",
        "from": "AGENT",
        "sender": "participant-1",
        "bytes": len(payload),
        "shape": {"type": "transcript", "role": "user", "text": "text(26)"},
        "read": ["line of the user, final"],
    }
    assert entry(RoomData("Anna's words", None, "", b"x", ()))["topic"] == "text(12)"
    assert entry(RoomData(None, None, "", b"x", ()))["from"] == "server API"
    assert entry(RoomData("", None, "", b"x", ()))["topic"] is None


def test_a_text_stream_keeps_livekits_words() -> None:
    attributes = {"lk.transcription_final": "true", "lk.segment_id": "SECRET", "Anna Schmidt": "x"}
    assert entry(RoomStream("lk.transcription", "agent-7", None, attributes)) == {
        "kind": "text stream",
        "topic": "lk.transcription",
        "sender": "participant-1",
        "bytes": None,
        "attributes": {"lk.transcription_final": "true", "lk.segment_id": "word(6)"},
    }


def test_participants_and_tracks() -> None:
    redactor = Redactor()
    there = redactor.entry(RoomParticipant("there", "agent-SECRET", "AGENT", {"lk.agent.state": "listening"}))
    track = redactor.entry(RoomTrack("came", "TR_SECRET", "audio", "agent-SECRET"))
    assert there["who"] == track["who"] == "participant-1"
    assert (there["identity"], there["attributes"]) == ("identifier(12)", {"lk.agent.state": "listening"})
    assert track["sid"] == "track-1"


def test_a_request_is_its_path_and_shapes() -> None:
    exchange = Exchange(
        method="DELETE",
        host="SECRET.example",
        path="/v1/voicebot-livekit/session/Anna-7",
        query=("limit",),
        request={"voicebotId": "uuid(36)"},
        status=204,
        headers=("content-type", "x-request-id"),
        content_type="application/json",
        seconds=0.12345,
    )
    assert entry(exchange) == {
        "kind": "provider",
        "request": "DELETE /v1/voicebot-livekit/session/<part-1>",
        "host": "host-1",
        "query": ["limit"],
        "body": {"voicebotId": "uuid(36)"},
        "status": 204,
        "error": None,
        "headers": ["content-type", "x-request-id"],
        "content_type": "application/json",
        "answer": None,
        "seconds": 0.123,
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Utterance("user", "Where is the museum?", True, "SECRET"),
            {"role": "user", "text": "text(20)", "final": True},
        ),
        (ShownImage("Anna", "https://SECRET.example/a"), {"key": "word(4)", "url": "address https(24)"}),
        (AgentState("listening"), {"state": "listening"}),
        (RoomClosed(RoomEnd.REPLACED), {"reason": "REPLACED"}),
        (End(EndReason.NOBODY_HEARD), {"reason": "NOBODY_HEARD"}),
        (Warn(say("{person} is not heard.", person="Anna")), {"text": "{person} is not heard."}),
        (WarningGiven(say("In {channel}.", channel="museum")), {"text": "In {channel}."}),
        (WarningGiven("Anna is not heard."), {"text": "text(18)"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_calls_own_events(event: Any, expected: dict[str, Any]) -> None:
    found = entry(Happened(event))
    assert found["event"] == type(event).__name__
    assert {key: found[key] for key in expected} == expected


def test_a_lost_voice_session_keeps_its_remedy() -> None:
    server = VoiceServerInfo("SECRET.discord.gg", "SECRET", "SECRET", 112233445566778899, 2, 3)
    found = entry(Happened(VoiceLost(server, Remedy.RESUME, say("The connection broke."))))
    assert (found["remedy"], found["meaning"]) == ("RESUME", "The connection broke.")
    assert found["server"]["endpoint"] == "address-1"


def test_the_sound_keeps_its_numbers() -> None:
    speaker = SpeakerReport(112233445566778899, packets=400, level=-31.234567)
    found = entry(Happened(SoundReport(packets_heard=400, privacy_code="SECRET", speakers=(speaker,))))
    assert found["packets_heard"] == 400
    assert found["privacy_code"] == "word(6)"
    assert found["speakers"] == [{**found["speakers"][0], "user_id": "user-1", "packets": 400, "level": -31.235}]


def test_the_rest() -> None:
    assert entry(GatewayClosed(4006)) == {"kind": "gateway closed", "code": 4006}
    assert entry(StateChanged("LIVE", None)) == {"kind": "state", "state": "LIVE"}
    assert entry(StateChanged("ENDING", "COMMAND")) == {"kind": "state", "state": "ENDING", "reason": "COMMAND"}
    assert entry(KeysChanged(1, True, 2, 0)) == {
        "kind": "keys",
        "version": 1,
        "ready": True,
        "members": 2,
        "recoveries": 0,
    }
    assert entry(object()) == {"kind": "unknown", "event": "object"}


def test_a_message_nobody_knows_names_nobody() -> None:
    data = {
        "names": {"Alice": 1},
        "type": "Johnny",
        "reason": "Johnny.Smith",
        "flags": 123456789012345678,
        "mode": "aead_aes256_gcm_rtpsize",
    }
    entry = Redactor().entry(GatewayMessage("in", 77, data))
    assert not any(word in str(entry) for word in ("Alice", "Johnny", "123456789"))
    assert entry["d"]["mode"] == "aead_aes256_gcm_rtpsize"
    assert entry["d"]["type"] == "word(6)"

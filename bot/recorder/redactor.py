"""From what was reported to what is written: values are kept where their names say that they tell nothing of anybody,
ids and secrets become pseudonyms, everything else becomes a shape.
"""

import re
import struct
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from .events import (
    GatewayClosed,
    GatewayMessage,
    Happened,
    KeysChanged,
    PacketSample,
    Probe,
    RoomData,
    RoomParticipant,
    RoomStream,
    RoomTrack,
    StateChanged,
)
from .exchanges import Exchange
from .pseudonyms import Pseudonyms
from .shapes import KEY, MAX_DEPTH, body_shape, form, shape

Entry = dict[str, Any]

MAX_ITEMS = 64

#: The kind of pseudonym by the name of a field, in Discord's messages and in the call's events.
_IDS = {
    "user_id": "user",
    "user_ids": "user",
    "before": "user",
    "speakers": "user",
    "server_id": "server",
    "guild_id": "server",
    "channel_id": "channel",
    "session_id": "voice-session",
    "token": "token",
    "room_token": "token",
    "ssrc": "ssrc",
    "audio_ssrc": "ssrc",
    "video_ssrc": "ssrc",
    "rtx_ssrc": "ssrc",
    "ip": "address",
    "address": "address",
    "endpoint": "address",
    "port": "port",
    "sid": "track",
    "segment": "segment",
}
#: Fields whose numbers are the protocol's own.
_NUMBERS_TEXT = """
    v heartbeat_interval speaking delay seq seq_ack transition_id protocol_version dave_protocol_version epoch
    max_dave_protocol_version flags platform quality rid active at bitrate
"""
_NUMBERS = frozenset(_NUMBERS_TEXT.split())
#: Fields whose words are the voice gateway's own, and those of our own events.
_GATEWAY_WORDS = frozenset({"mode", "modes", "protocol", "audio_codec", "video_codec"})
_EVENT_WORDS = frozenset({"state", "role", "type", "reason", "remedy"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
#: Parts of a provider's paths that are no ids, whoever the provider is.
_PATH_WORDS_TEXT = """
    api v1 v2 v3 session sessions message messages transcript transcripts history voicebot voicebots
    voicebot-livekit livekit image-mappings images library end close leave token rooms room agents
"""
_PATH_WORDS = frozenset(_PATH_WORDS_TEXT.split())
#: DAVE's binary opcodes that are looked into (https://daveprotocol.com).
_PROPOSALS, _COMMIT, _WELCOME = 27, 29, 30
#: A greater number in one of our own events may be an id.
_MAX_COUNT = 2**31
#: Packet types of RTCP, which shares the port (RFC 5761 section 4).
_RTCP = range(192, 224)
_RTP_HEADER = struct.Struct(">BBHII")


class Redactor:
    """Makes the entries of one flight record."""

    def __init__(self) -> None:
        self._names = Pseudonyms()

    def entry(self, event: Any) -> Entry:
        """Return what is written of an event; it is ready to become JSON."""
        match event:
            case GatewayMessage():
                return self._message(event)
            case GatewayClosed():
                return {"kind": "gateway closed", "code": event.code}
            case PacketSample():
                return self._packet(event)
            case KeysChanged():
                return {"kind": "keys", **{field.name: getattr(event, field.name) for field in fields(event)}}
            case RoomData():
                return self._data(event)
            case RoomStream():
                return self._stream(event)
            case RoomParticipant():
                return self._participant(event)
            case RoomTrack():
                return {
                    "kind": "track",
                    "what": event.what,
                    "media": event.media,
                    "sid": self._names.of("track", event.sid),
                    "who": self._names.of("participant", event.identity),
                }
            case Exchange():
                return self._exchange(event)
            case Probe():
                return {"kind": "probe", "what": self._word(event.what)}
            case StateChanged():
                return {"kind": "state", "state": event.state, **({"reason": event.reason} if event.reason else {})}
            case Happened():
                return {"kind": "event", **self._fields(event.event)}
        return {"kind": "unknown", "event": type(event).__name__}

    # -- Discord's voice ------------------------------------------------------------------------------------------

    def _message(self, message: GatewayMessage) -> Entry:
        entry: Entry = {"kind": "gateway", "direction": message.direction, "op": message.op}
        if not isinstance(message.data, bytes):
            entry["d"] = self.value("d", message.data, words=_GATEWAY_WORDS)
            return entry
        payload = message.data
        entry["bytes"] = len(payload)
        if message.op == _PROPOSALS and payload:
            entry["operation"] = "append" if payload[0] == 0 else "revoke"
        elif message.op in (_COMMIT, _WELCOME) and len(payload) >= 2:
            entry["transition_id"] = struct.unpack_from(">H", payload)[0]
        return entry

    def _packet(self, packet: PacketSample) -> Entry:
        entry: Entry = {"kind": "packet", "direction": packet.direction, "bytes": packet.size}
        if packet.skipped:
            entry["skipped"] = packet.skipped
        if len(packet.head) < _RTP_HEADER.size or packet.head[0] >> 6 != 2:
            return {**entry, "rtp": False}
        first, second, sequence, timestamp, ssrc = _RTP_HEADER.unpack_from(packet.head)
        if second in _RTCP:
            return {**entry, "rtp": False, "rtcp": second}
        return {
            **entry,
            "ssrc": self._names.of("ssrc", ssrc),
            "type": second & 0x7F,
            "marker": bool(second & 0x80),
            "sequence": sequence,
            "timestamp": timestamp,
            "extension": bool(first & 0x10),
            "padding": bool(first & 0x20),
        }

    # -- the room -------------------------------------------------------------------------------------------------

    def _data(self, data: RoomData) -> Entry:
        return {
            "kind": "data",
            "topic": self._word(data.topic or None),
            "from": data.kind or "server API",
            "sender": self._names.of("participant", data.sender),
            "bytes": len(data.payload),
            "shape": body_shape(data.payload),
            "read": list(data.read[:MAX_ITEMS]),
        }

    def _stream(self, stream: RoomStream) -> Entry:
        return {
            "kind": "text stream",
            "topic": self._word(stream.topic),
            "sender": self._names.of("participant", stream.sender),
            "bytes": stream.size,
            "attributes": self._attributes(stream.attributes),
        }

    def _participant(self, participant: RoomParticipant) -> Entry:
        return {
            "kind": "participant",
            "what": participant.what,
            "who": self._names.of("participant", participant.identity),
            "identity": form(participant.identity),
            "type": participant.kind,
            "attributes": self._attributes(participant.attributes),
        }

    def _attributes(self, attributes: dict[str, str]) -> Entry:
        """LiveKit's own attributes have words of a protocol; others have a form."""
        kept = {"lk.agent.state", "lk.transcription_final"}
        return {
            key: self._word(value) if key in kept else form(value)
            for key, value in list(attributes.items())[:MAX_ITEMS]
            if _WORD.fullmatch(key)
        }

    # -- the provider ---------------------------------------------------------------------------------------------

    def _exchange(self, exchange: Exchange) -> Entry:
        return {
            "kind": "provider",
            "request": f"{exchange.method} {self._path(exchange.path)}",
            "host": self._names.of("host", exchange.host),
            "query": list(exchange.query),
            "body": exchange.request,
            "status": exchange.status,
            "error": exchange.error,
            "headers": list(exchange.headers),
            "content_type": exchange.content_type,
            "answer": exchange.answer,
            "seconds": round(exchange.seconds, 3),
        }

    def _path(self, path: str) -> str:
        parts = path[:1000].split("/")[:MAX_ITEMS]
        return "/".join(
            part if not part or part in _PATH_WORDS else f"<{self._names.of('part', part)}>" for part in parts
        )

    # -- any value ------------------------------------------------------------------------------------------------

    def _fields(self, event: Any) -> Entry:
        entry: Entry = {"event": type(event).__name__}
        if is_dataclass(event):
            for field in fields(event):
                value = getattr(event, field.name)
                entry[field.name] = round(value, 3) if _is_count(field.name, value) else self.value(field.name, value)
        return entry

    def value(self, name: str, value: Any, depth: int = 0, words: frozenset[str] = _EVENT_WORDS) -> Any:
        """Return what may be written of the value of a field; `words` are the fields whose words are a protocol's."""
        if value is None or isinstance(value, bool):
            return value
        if depth >= MAX_DEPTH:
            return "…"
        if isinstance(value, dict):
            known = [(key, inner) for key, inner in value.items() if isinstance(key, str) and KEY.fullmatch(key)]
            return {key: self.value(key, inner, depth + 1, words) for key, inner in known[:MAX_ITEMS]}
        if isinstance(value, list | tuple | set | frozenset):
            items = [self.value(name, item, depth + 1, words) for item in list(value)[:MAX_ITEMS]]
            if len(items) > 2 and all(item == items[0] for item in items):
                return {f"list of {len(value)}": items[0]}
            return items if len(value) <= MAX_ITEMS else [*items, f"… {len(value) - MAX_ITEMS} more"]
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if isinstance(value, Enum):
            return value.name
        if is_dataclass(value):
            return self._fields(value)
        return self._scalar(name, value, words)

    def _scalar(self, name: str, value: Any, words: frozenset[str]) -> Any:
        if name in _IDS:
            return self._names.of(_IDS[name], value)
        if isinstance(value, int | float):
            return round(value, 3) if name in _NUMBERS and abs(value) < _MAX_COUNT else shape(value)
        if isinstance(value, str):
            template = getattr(value, "template", None)  # of a sentence of ours
            if isinstance(template, str):
                return template
            return self._word(value) if name in words else form(value)
        return type(value).__name__

    @staticmethod
    def _word(text: str | None) -> str | None:
        """Return a word of a protocol as it is, and of anything else its form."""
        if text is None or _WORD.fullmatch(text):
            return text
        return form(text)


def _is_count(name: str, value: Any) -> bool:
    """Whether the field of one of our own events is a number that tells nothing of anybody."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and name not in _IDS and abs(value) < _MAX_COUNT

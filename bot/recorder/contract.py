"""What the code assumes of Discord's voice servers and of LiveKit's rooms, held against a flight record.

Each assumption is judged by itself: it held, or something else was seen and has a consequence, or nothing of it was
seen.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .reading import Entry, FlightRecord
from .timeline import OPS


class Outcome(Enum):
    """What became of an assumption."""

    HELD = "held"
    DIFFERS = "differs"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen of one assumption, and what follows where it does not hold. `proposal` is a line of settings."""

    outcome: Outcome
    seen: str = ""
    consequence: str = ""
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that the code takes for granted; `judge` looks for it in a flight record."""

    text: str
    judge: Callable[[FlightRecord], Verdict]


@dataclass(frozen=True, slots=True)
class Finding:
    """An assumption, and what became of it."""

    assumption: Assumption
    verdict: Verdict


def held(seen: str) -> Verdict:
    """Return that the assumption held."""
    return Verdict(Outcome.HELD, seen)


def differs(seen: str, consequence: str, proposal: str | None = None) -> Verdict:
    """Return that something else was seen."""
    return Verdict(Outcome.DIFFERS, seen, consequence, proposal)


NOT_SEEN = Verdict(Outcome.NOT_SEEN)

#: Transport encryption that the driver has (`bot.voice.aead`).
_MODES = ("aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize")
#: Fields of the messages of the voice gateway, as documented or seen; others may mean something.
_FIELDS = {
    2: {"ssrc", "ip", "port", "modes", "experiments", "streams", "heartbeat_interval", "enabled_features"},
    4: {
        "mode",
        "secret_key",
        "dave_protocol_version",
        "audio_codec",
        "video_codec",
        "media_session_id",
        "mls_group_id",
        "secure_frames_version",
        "keyframe_interval",
        "sdp",
        "bandwidth_estimation_experiment",
    },
    5: {"user_id", "ssrc", "speaking", "delay"},
    8: {"v", "heartbeat_interval"},
    11: {"user_ids"},
    12: {"user_id", "audio_ssrc", "video_ssrc", "rtx_ssrc", "streams"},
    13: {"user_id"},
    21: {"transition_id", "protocol_version"},
    22: {"transition_id"},
    24: {"epoch", "protocol_version"},
}
_OPUS = 0x78
#: Seconds between two things that came by different ways at the same time.
_MOMENT = 0.1


def judge(record: FlightRecord, more: Sequence[Assumption] = ()) -> Iterator[Finding]:
    """Yield what was seen of each assumption: of those here, and of the provider's or the live check's."""
    for assumption in (*ASSUMPTIONS, *more):
        try:
            verdict = assumption.judge(record)
        except (TypeError, ValueError, LookupError, AttributeError):  # a file that somebody has sent
            verdict = Verdict(Outcome.NOT_SEEN, "not seen: an entry of the record is not as Parley writes it")
        yield Finding(assumption, verdict)


def _messages(record: FlightRecord, op: int | None = None, direction: str = "in") -> list[Entry]:
    found = [entry for entry in record.of("gateway") if entry.get("direction") == direction]
    return [entry for entry in found if op is None or entry.get("op") == op]


def _body(entry: Entry) -> dict[str, Any]:
    body = entry.get("d")
    return body if isinstance(body, dict) else {}


def _list(items: Iterable[object]) -> str:
    return ", ".join(sorted({str(item) for item in items}))


# -- Discord's voice ----------------------------------------------------------------------------------------------


def _first_login(record: FlightRecord) -> Verdict:
    if not _messages(record, 0, "out"):
        return NOT_SEEN
    for entry in record.of("gateway", "gateway closed"):
        if entry["kind"] == "gateway closed":
            return differs(
                f"the first voice session was closed with {entry.get('code')} before it was described",
                "Parley tries again with a fresh session, up to five times, before anything is billed",
            )
        if entry.get("direction") == "in" and entry.get("op") == 4:
            return held(f"Session Description came {entry['t']:.1f} s after the begin")
    return NOT_SEEN


def _version(record: FlightRecord) -> Verdict:
    hellos = _messages(record, 8)
    if not hellos:
        return NOT_SEEN
    versions = {_body(hello).get("v") for hello in hellos}
    if versions == {None}:
        return NOT_SEEN
    if versions <= {8, None}:
        return held("version 8")
    return differs(f"version {_list(versions)}", "messages may have another form; Parley may need an update")


def _mode(record: FlightRecord) -> Verdict:
    ready = _messages(record, 2)
    if not ready:
        return NOT_SEEN
    modes = [str(mode) for entry in ready for mode in _body(entry).get("modes") or ()]
    known = [mode for mode in _MODES if mode in modes]
    if known:
        return held(_list(known))
    return differs(_list(modes) or "no mode", "Parley cannot encrypt what it sends; it needs an update")


def _dave(record: FlightRecord) -> Verdict:
    described = _messages(record, 4)
    if not described:
        return NOT_SEEN
    versions = {_body(entry).get("dave_protocol_version") for entry in described}
    if versions == {1}:
        return held("version 1")
    if versions <= {0, None}:
        return differs("no end-to-end encryption", "the call is encrypted on the way to Discord alone, as before DAVE")
    return differs(f"version {_list(versions)}", "keys may not be agreed; Parley may need an update")


def _keys(record: FlightRecord) -> Verdict:
    keys = record.of("keys")
    if not keys:
        return NOT_SEEN
    ready = next((entry for entry in keys if entry.get("ready")), None)
    recoveries = max(int(entry.get("recoveries") or 0) for entry in keys)
    if ready is None and not (_messages(record, 5) or _messages(record, 11) or _messages(record, 12)):
        return NOT_SEEN  # nobody was there to agree with
    if ready is None:
        return differs("keys were never agreed", "nobody is heard; everybody leaves the channel and joins it again")
    last = [entry for entry in keys if entry["t"] < record.ending][-1:]
    if last and not last[0].get("ready"):
        return differs(f"keys were lost at {last[0]['t']:.1f} s, and did not come back", "nobody is heard after that")
    if recoveries:
        return differs(f"keys had to be asked for anew {recoveries} times", "some seconds of speech may be missing")
    return held(f"keys at {ready['t']:.1f} s, never asked for anew")


def _introduced(record: FlightRecord) -> Verdict:
    """Whether each SSRC had an owner before its first packet, by Speaking or Video. Both take ways of their own, so
    that a moment between them means nothing."""
    told: dict[str, float] = {}
    seen: dict[str, float] = {}
    for entry in record.of("gateway", "packet"):
        if entry.get("direction") != "in":
            continue
        body = _body(entry)
        if entry["kind"] == "gateway" and entry.get("op") in (5, 12):
            for key in ("ssrc", "audio_ssrc"):
                if body.get(key):
                    told.setdefault(str(body[key]), entry["t"])
        elif entry["kind"] == "packet" and entry.get("type") == _OPUS and entry.get("ssrc"):
            seen.setdefault(str(entry["ssrc"]), entry["t"])
    if not seen:
        return NOT_SEEN
    never = seen.keys() - told.keys()
    late = {ssrc for ssrc, at in seen.items() if ssrc in told and told[ssrc] - at > _MOMENT}
    if never:
        return differs(
            f"{len(never)} of {len(seen)} SSRCs were never announced",
            "Parley finds out by their keys whose they are; `/voicebot doctor` says when that fails",
        )
    if late:
        return differs(
            f"{len(late)} of {len(seen)} SSRCs came before Speaking", "Parley keeps their packets for a second"
        )
    return held(f"{len(seen)} SSRCs")


def _opcodes(record: FlightRecord) -> Verdict:
    messages = _messages(record)
    if not messages:
        return NOT_SEEN
    unknown = {entry.get("op") for entry in messages} - OPS.keys()
    if unknown:
        return differs(f"opcodes {_list(unknown)}", "Parley passes over them; Discord may have something new")
    return held(f"{len({entry.get('op') for entry in messages})} opcodes")


def _fields(record: FlightRecord) -> Verdict:
    messages = [entry for entry in _messages(record) if entry.get("op") in _FIELDS]
    if not messages:
        return NOT_SEEN
    new = {f"{OPS[entry['op']]}: {key}" for entry in messages for key in _body(entry).keys() - _FIELDS[entry["op"]]}
    if new:
        return differs(f"new fields ({_list(new)})", "Parley passes over them; Discord may have something new")
    return held("all fields")


def _payloads(record: FlightRecord) -> Verdict:
    types = {entry["type"] for entry in record.of("packet") if entry.get("direction") == "in" and "type" in entry}
    if not types:
        return NOT_SEEN
    others = types - {_OPUS}
    if others:
        return differs(f"payload types {_list(others)}", "Parley passes over them: video, or another codec")
    return held("payload type 120")


def _voice_kept(record: FlightRecord) -> Verdict:
    live = [entry for entry in record.of("state") if entry.get("state") == "LIVE"]
    if not live:
        return NOT_SEEN
    ending = record.ending
    closed = [e.get("code") for e in record.of("gateway closed") if live[0]["t"] < e["t"] < ending]
    if closed:
        return differs(f"closed {len(closed)} times ({_list(closed)})", "Parley resumes, or takes a fresh session")
    return held("never closed during the call")


# -- the room -----------------------------------------------------------------------------------------------------


def _agent(record: FlightRecord) -> Verdict:
    others = [entry for entry in record.of("participant") if entry.get("what") != "left"]
    if not others:
        return NOT_SEEN
    kinds = {entry.get("type") for entry in others}
    if "AGENT" in kinds:
        return held(_list(kinds))
    return differs(
        f"participants of kind {_list(kinds)} alone",
        "whoever publishes sound in the room counts as the voicebot",
    )


def _transcript(record: FlightRecord) -> Verdict:
    packets = [entry for entry in record.of("data") if any("line" in read for read in entry.get("read") or ())]
    streams = [entry for entry in record.of("text stream") if entry.get("topic") == "lk.transcription"]
    if packets or streams:
        sources = [name for name, found in (("data packets", packets), ("text streams", streams)) if found]
        return held(" and ".join(sources))
    if not record.of("event"):
        return NOT_SEEN
    if not any(entry.get("event") == "VoicebotSpeaking" for entry in record.of("event")):
        return NOT_SEEN
    return differs("the voicebot spoke, and no line came", "the text channel stays empty; see the data packets' shapes")


def _understood(record: FlightRecord) -> Verdict:
    packets = record.of("data")
    if not packets:
        return NOT_SEEN
    unread = [entry for entry in packets if not entry.get("read")]
    if unread:
        shapes = _list(str(entry.get("shape"))[:120] for entry in unread[:3])
        return differs(
            f"{len(unread)} of {len(packets)} data packets say nothing to Parley: {shapes}", "they are ignored"
        )
    return held(f"{len(packets)} data packets")


#: Of Discord's voice servers.
VOICE_ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("Discord accepts the first voice session", _first_login),
    Assumption("The voice gateway speaks version 8", _version),
    Assumption("The voice server offers an encryption that Parley has", _mode),
    Assumption("The call is end-to-end encrypted with DAVE version 1", _dave),
    Assumption("Keys are agreed, and stay", _keys),
    Assumption("Discord says whose an SSRC is before its first packet", _introduced),
    Assumption("All opcodes are known", _opcodes),
    Assumption("All fields of messages are known", _fields),
    Assumption("All packets are Opus", _payloads),
    Assumption("The voice session lasts as long as the call", _voice_kept),
)
#: Of LiveKit's rooms.
ROOM_ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("The voicebot is an agent by its token", _agent),
    Assumption("What is said comes as lines", _transcript),
    Assumption("Every data packet is understood", _understood),
)
ASSUMPTIONS = (*VOICE_ASSUMPTIONS, *ROOM_ASSUMPTIONS)

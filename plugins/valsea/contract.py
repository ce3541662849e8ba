"""What Parley assumes of Valsea's API, held against a flight record.

The documentation (https://valsea.ai/docs/api/voicebot-livekit) leaves most of it open; the rest of Parley is tolerant,
so that few differences have a consequence. Each is named all the same: it is what the next version can rely on.
"""

import re
from typing import Any

from bot.api import NOT_SEEN, Assumption, FlightRecord, Verdict, differs, held

Entry = dict[str, Any]

_SESSION = r".*/session"
_NEEDED = ("participantToken", "livekitUrl", "roomName")
_KNOWN = {*_NEEDED, "sessionId", "voicebotName", "voicebotAvatarUrl", "imageMappings", "expiresAt"}
#: Forms of strings that are no name that people use.
_IDS = ("uuid", "hex", "digits")
#: What a line's packet is made of.
_LINE = {"type", "role", "text", "isComplete"}
_PART = re.compile(r"<part-\d+>")
#: A list with something in it, in a shape.
_LISTED = re.compile(r"list of [1-9]")
#: Characters of a shape that are shown.
MAX_SHAPE = 100


def _requests(record: FlightRecord, method: str, pattern: str = "") -> list[Entry]:
    found = [entry for entry in record.of("provider") if str(entry.get("request", "")).startswith(f"{method} ")]
    return [entry for entry in found if re.search(pattern, str(entry["request"]))]


def _probed(record: FlightRecord, what: str) -> list[Entry]:
    """Return the requests that were made to find one thing out."""
    found: list[Entry] = []
    asked = False
    for entry in record.of("probe", "provider", "state"):
        if entry["kind"] != "provider":
            asked = entry["kind"] == "probe" and entry.get("what") == what
        elif asked:
            found.append(entry)
    return found


def _ends(record: FlightRecord) -> list[Entry]:
    """Return the requests that ended the session, without the one that a live check makes when it is over."""
    again = {id(entry) for entry in _probed(record, "ended")}
    return [entry for entry in _requests(record, "DELETE") if id(entry) not in again]


def _answer(record: FlightRecord) -> dict[str, Any] | None:
    """Return the shape of the answer that opened the session."""
    opened = [e for e in _requests(record, "POST", _SESSION) if str(e.get("status")).startswith("2")]
    answer = opened[-1].get("answer") if opened else None
    return answer if isinstance(answer, dict) else None


def _is_json(entry: Entry) -> bool:
    return "json" in str(entry.get("content_type") or "")


def _session(record: FlightRecord) -> Verdict:
    asked = _requests(record, "POST", _SESSION)
    if not asked:
        return NOT_SEEN
    answer = _answer(record)
    if answer is None:
        return differs(f"status {asked[-1].get('status')}, {asked[-1].get('answer')}", "no call can begin")
    missing = [key for key in _NEEDED if key not in answer]
    if missing:
        return differs(f"no {', '.join(missing)}", "no call can begin; Parley needs an update")
    new = sorted(answer.keys() - _KNOWN)
    if new:
        return differs(f"new fields: {', '.join(new)}", "Parley passes over them")
    return held(f"{len(answer)} fields")


def _expiry(record: FlightRecord) -> Verdict:
    answer = _answer(record)
    if answer is None:
        return NOT_SEEN
    form = answer.get("expiresAt")
    if form is None:
        return differs("nothing", "a room that is lost late in a call may not be joined again")
    if str(form).startswith("time("):
        return held(str(form))
    return differs(str(form), "Parley reads seconds and milliseconds since 1970 too; as a lifetime it would be ignored")


def _name(record: FlightRecord) -> Verdict:
    answer = _answer(record)
    if answer is None:
        return NOT_SEEN
    form = answer.get("voicebotName")
    proposal = "defaults: {voicebot_name: (what people should read)}"
    if form is None:
        return differs("no name", "people read “Voicebot”", proposal)
    if str(form).startswith(_IDS):
        return differs(f"{form}, which is an id", "people read “Voicebot”, or the id", proposal)
    return held(str(form))


def _end(record: FlightRecord) -> Verdict:
    ends = _ends(record)
    if not ends:
        return NOT_SEEN
    statuses = [entry.get("status") or entry.get("error") for entry in ends]
    if statuses[0] == 204:
        return held("204 at once")
    seen = f"answered {', '.join(map(str, statuses))}"
    if str(statuses[0]).startswith("2") and not str(ends[0].get("content_type")).endswith("html"):
        return differs(seen, "any success counts as the end, so nothing follows")
    return differs(seen, "Parley asks until the end is confirmed, and the last minutes may be billed")


def _credits(record: FlightRecord) -> Verdict:
    ended = [entry for entry in _ends(record) if str(entry.get("status")).startswith("2")]
    if not ended:
        return NOT_SEEN
    if any("x-credits-used" in (entry.get("headers") or ()) for entry in ended):
        return held("X-Credits-Used")
    return differs(f"only {', '.join(ended[0].get('headers') or ())}", "receipts tell minutes, and no credits")


def _second_end(record: FlightRecord) -> Verdict:
    again = _probed(record, "ended")
    if not again:
        return NOT_SEEN
    status = again[-1].get("status")
    if status == 404 and _is_json(again[-1]):
        return held("404 with JSON")
    seen = f"status {status}, {again[-1].get('content_type')}"
    if str(status).startswith("2"):
        return differs(seen, "a success counts as an end too, so nothing follows")
    return differs(seen, "the end of a session that is over may be tried for ever; see `parley sessions forget`")


def _messages(record: FlightRecord) -> Verdict:
    asked = _probed(record, "messages")
    if not asked:
        return NOT_SEEN
    good = next((entry for entry in asked if entry.get("status") == 200 and _is_json(entry)), None)
    if good is None:
        seen = ", ".join(str(entry.get("status") or entry.get("error")) for entry in asked)
        return differs(f"no transcript at {len(asked)} paths ({seen})", "lines that are missed live stay missing")
    shape = str(good.get("answer"))
    path = str(good["request"]).removeprefix("GET ")
    if good is not asked[0]:
        setting = None
        if len(_PART.findall(path)) == 1:  # the room's name; there may be others in front, of an address of one's own
            path = _PART.sub("{room}", path)
            setting = f'defaults: {{plugins: {{valsea: {{messages_path: "{path}"}}}}}}'
        return differs(f"it is at {path}: {shape[:MAX_SHAPE]}", "lines that are missed live stay missing", setting)
    if "list of" not in shape:
        return differs(f"no list: {shape[:MAX_SHAPE]}", "lines that are missed live stay missing")
    if _LISTED.search(shape) is None and any(entry.get("event") == "Utterance" for entry in record.of("event")):
        return differs(f"empty, though something was said: {shape[:MAX_SHAPE]}", "it may be filled after the call only")
    return held(shape[:MAX_SHAPE])


def _key(record: FlightRecord) -> Verdict:
    return _refused(record, "key", 401, "people read another reason than the wrong key")


def _voicebot(record: FlightRecord) -> Verdict:
    return _refused(record, "voicebot", 404, "people read another reason than the wrong id")


def _refused(record: FlightRecord, what: str, status: int, consequence: str) -> Verdict:
    asked = _probed(record, what)
    if not asked:
        return NOT_SEEN
    seen = f"status {asked[-1].get('status') or asked[-1].get('error')}, {asked[-1].get('answer')}"
    return held(seen) if asked[-1].get("status") == status and _is_json(asked[-1]) else differs(seen, consequence)


def _line(record: FlightRecord) -> Verdict:
    lines = [entry for entry in record.of("data") if any("line" in read for read in entry.get("read") or ())]
    if not lines:
        return NOT_SEEN
    others = [entry.get("shape") for entry in lines if not _is_usual(entry.get("shape"))]
    if others:
        return differs(str(others[0])[:MAX_SHAPE], "Parley reads that form too")
    return held(f"{len(lines)} packets with {', '.join(sorted(_LINE))}")


def _is_usual(shape: Any) -> bool:
    return isinstance(shape, dict) and shape.keys() == _LINE and shape.get("type") == "transcript"


def _sender(record: FlightRecord) -> Verdict:
    packets = record.of("data")
    if not packets:
        return NOT_SEEN
    senders = {str(entry.get("from")) for entry in packets}
    if senders == {"server API"}:
        return held("from LiveKit's server API")
    return differs(f"from {', '.join(sorted(senders))}", "Parley reads packets of any sender")


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("Valsea's answer names the room, its address and a token", _session),
    Assumption("Valsea says in ISO 8601 when the token ends", _expiry),
    Assumption("Valsea says what the voicebot is called", _name),
    Assumption("Valsea ends a session at once", _end),
    Assumption("Valsea says what a session has cost", _credits),
    Assumption("Valsea says that a session is over already", _second_end),
    Assumption("Valsea's transcript is where it is looked for", _messages),
    Assumption("Valsea refuses a wrong key as such", _key),
    Assumption("Valsea refuses an unknown voicebot as such", _voicebot),
    Assumption("Valsea's lines have the form of its sample client", _line),
    Assumption("Valsea's packets come from its server", _sender),
)

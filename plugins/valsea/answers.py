"""Valsea's success answers as typed values, tolerant of what its documentation leaves open."""

import contextlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from bot.api import MAX_URL, BadAnswer, Role, StoredMessage, Text, VoicebotSession, httpx, is_room_address, say

from .tags import without_tags

#: Characters of a room's name, a voicebot's name, a picture's key, a LiveKit token, and one stored line.
MAX_ROOM, MAX_TITLE, MAX_KEY, MAX_TOKEN, MAX_LINE = 512, 200, 200, 16_384, 8000
#: Pictures of one voicebot, and messages on one page.
MAX_PICTURES, MAX_MESSAGES_ON_PAGE = 5000, 500
#: Years that a timestamp of a provider can have; others are ignored.
_YEARS = range(2000, 2200)
_NUMBER = re.compile(r"\d{1,14}(?:\.\d{1,9})?", re.ASCII)

_UNREADABLE = say(
    "Valsea's answer could not be understood, so the call was not started. "
    "If it happens again, the bot may need an update."
)
_NAMELESS = say(
    "{problem} A session may be billed that I cannot end: check the usage at valsea.ai.", problem=_UNREADABLE
)


def unreadable(reference: str | None) -> Text:
    """Return what people read of an answer that makes no sense, given what its session is called, if it says so."""
    return _UNREADABLE if reference else _NAMELESS


def session(body: Any, endpoint: str) -> VoicebotSession:
    """Read the 201 body of a session; BadAnswer, with the room's name where there is one, so that it can be ended.

    `endpoint` is the API's own address: a room on this machine is believed of an API on this machine only.
    """
    if not isinstance(body, dict):
        raise BadAnswer("the session answer is not a JSON object", for_user=_NAMELESS)
    reference = text(body.get("roomName"), MAX_ROOM)
    url, token = text(body.get("livekitUrl"), MAX_URL), text(body.get("participantToken"), MAX_TOKEN)
    if reference is None or url is None or token is None:
        names = {"roomName": reference, "livekitUrl": url, "participantToken": token}
        missing = ", ".join(name for name, value in names.items() if value is None)
        raise BadAnswer(f"the session answer lacks {missing}", for_user=unreadable(reference), reference=reference)
    if not is_room_address(url, endpoint):
        raise BadAnswer(
            "the session answer names a LiveKit address that is not wss:// to a public host",
            for_user=_UNREADABLE,
            reference=reference,
        )
    return VoicebotSession(
        reference=reference,
        room_url=url,
        room_token=token,
        voicebot_name=text((text(body.get("voicebotName")) or "")[:MAX_TITLE]),
        avatar_url=web_address(body.get("voicebotAvatarUrl")),
        images=image_mappings(body.get("imageMappings")),
        expires_at=instant(body.get("expiresAt")),
    )


def room_in(payload: bytes) -> str | None:
    """Return the room's name in an answer that is not JSON, or was cut off: the session can only be ended with
    it."""
    found = re.search(rb'"roomName"\s{0,8}:\s{0,8}"([\w.:~-]{1,512})"', payload)
    return None if found is None else found[1].decode("ascii", "replace")


def image_mappings(body: Any) -> dict[str, str]:
    """Return key -> URL, from the session's list of pairs or the library's object."""
    for _ in _IMAGE_WRAPPERS:  # an object may lie in an object
        inner = [body[name] for name in _IMAGE_WRAPPERS if name in body] if isinstance(body, dict) else []
        wrapped = next((one for one in inner if isinstance(one, dict | list)), None)
        if wrapped is None:
            break
        body = wrapped
    named = body.items() if isinstance(body, dict) else map(_pair, body if isinstance(body, list) else ())
    pairs: dict[str, str] = {}
    for key, url in islice(named, MAX_PICTURES):
        found = text(key, MAX_KEY), text(url, MAX_URL)
        if found[0] is not None and found[1] is not None:
            pairs[found[0]] = found[1]
    return pairs


def _pair(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, dict):
        return None, None
    return (
        entry.get("imageKey") or entry.get("image_key") or entry.get("key"),
        entry.get("imageUrl") or entry.get("image_url") or entry.get("url"),
    )


_IMAGE_WRAPPERS = ("imageMappings", "image_mappings", "mappings", "data")
_WRAPPERS = ("messages", "items", "data", "results")


def page(body: Any) -> list[dict[str, Any]]:
    """Return the entries of one page of stored messages, in any of the shapes such lists come in."""
    for _ in range(len(_WRAPPERS)):  # a list may lie in an object in an object
        if isinstance(body, list):
            # The offset counts every one.
            return [entry if isinstance(entry, dict) else {} for entry in body[:MAX_MESSAGES_ON_PAGE]]
        if not isinstance(body, dict):
            break
        body = next((body[key] for key in _WRAPPERS if isinstance(body.get(key), list | dict)), None)
    return []


def identity(entry: dict[str, Any]) -> str:
    """Return what tells an entry from every other, also when it comes on two pages."""
    named = entry.get("id") or entry.get("_id") or entry.get("messageId")
    return str(named) if named else json.dumps(entry, sort_keys=True, default=str)


def messages(entries: Iterable[dict[str, Any]]) -> list[StoredMessage]:
    """Return the lines in the entries, oldest first if the entries have times; entries without text are left out."""
    found = list(_stored(entries))
    times = [message.at for message in found if message.at is not None]
    if len(times) == len(found):
        found.sort(key=lambda message: message.at or times[0])
    return found


def _stored(entries: Iterable[dict[str, Any]]) -> Iterable[StoredMessage]:
    for entry in entries:
        said = text(entry.get("content") or entry.get("text") or entry.get("message")) or ""
        words = without_tags(said)[:MAX_LINE]
        if words:
            speaker = entry.get("role") or entry.get("sender") or entry.get("speaker") or entry.get("type")
            at = entry.get("createdAt") or entry.get("created_at") or entry.get("timestamp")
            yield StoredMessage(role(speaker), words, instant(at))


def role(value: Any) -> Role:
    """Return whose line it is, by any of the usual words; Valsea's own client takes everything else for the
    voicebot."""
    return "user" if isinstance(value, str) and value.strip().casefold() in ("user", "human") else "voicebot"


def text(value: Any, longest: int | None = None) -> str | None:
    """Return words without the blanks around them; None for anything else, for nothing, and for more than `longest`."""
    words = value.strip() if isinstance(value, str) else ""
    return words if words and (longest is None or len(words) <= longest) else None


def web_address(value: Any) -> str | None:
    """Return an http or https address of a bounded length; None for anything else."""
    address = text(value, MAX_URL)
    return address if address is not None and address.startswith(("https://", "http://")) else None


def instant(value: Any) -> datetime | None:
    """Return the time that an ISO 8601 string tells, or seconds or milliseconds since 1970, as a number or in digits;
    the documentation does not say which."""
    if isinstance(value, str):
        value = value.strip()
        if _NUMBER.fullmatch(value):
            value = float(value)
    with contextlib.suppress(ValueError, OverflowError, OSError):
        found = None
        if isinstance(value, str) and len(value) <= 64:
            parsed = datetime.fromisoformat(value)
            found = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        if found is not None and found.year in _YEARS:
            return found
    return None


def credits_used(response: httpx.Response) -> Decimal | None:
    """Return the X-Credits-Used header, a decimal number of ordinary size."""
    used = response.headers.get("x-credits-used", "").strip()
    return Decimal(used) if _NUMBER.fullmatch(used) else None

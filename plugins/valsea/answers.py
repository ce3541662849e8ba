"""Valsea's success answers as typed values, tolerant of what its documentation leaves open."""

import contextlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from bot.errors import BadAnswer
from bot.language import say
from bot.provider import Role, StoredMessage, VoicebotSession

from .tags import without_tags

_UNREADABLE = say(
    "Valsea's answer could not be understood, so the call was not started. "
    "If it happens again, the bot may need an update."
)
_NAMELESS = say(
    "{problem} A session may be billed that I cannot end: check the usage at valsea.ai.", problem=_UNREADABLE
)


def session(body: Any) -> VoicebotSession:
    """The 201 body of a session; BadAnswer, with the room's name where there is one, so that it can be ended."""
    if not isinstance(body, dict):
        raise BadAnswer("the session answer is not a JSON object", for_user=_NAMELESS)
    reference = text(body.get("roomName"))
    url, token = text(body.get("livekitUrl")), text(body.get("participantToken"))
    if reference is None or url is None or token is None:
        names = {"roomName": reference, "livekitUrl": url, "participantToken": token}
        missing = ", ".join(name for name, value in names.items() if value is None)
        raise BadAnswer(
            f"the session answer lacks {missing}", for_user=_UNREADABLE if reference else _NAMELESS, reference=reference
        )
    return VoicebotSession(
        reference=reference,
        room_url=url,
        room_token=token,
        voicebot_name=text(body.get("voicebotName")),
        avatar_url=web_address(body.get("voicebotAvatarUrl")),
        images=image_mappings(body.get("imageMappings")),
        expires_at=instant(body.get("expiresAt")),
    )


def image_mappings(body: Any) -> dict[str, str]:
    """Key -> URL, from the session's list of pairs or the library's object."""
    if isinstance(body, dict):
        for wrapper in ("imageMappings", "image_mappings", "mappings", "data"):
            if isinstance(body.get(wrapper), dict | list):
                return image_mappings(body[wrapper])
        return {str(key): url for key, url in body.items() if isinstance(url, str)}
    pairs: dict[str, str] = {}
    for entry in body if isinstance(body, list) else ():
        if isinstance(entry, dict):
            key = text(entry.get("imageKey") or entry.get("image_key") or entry.get("key"))
            url = text(entry.get("imageUrl") or entry.get("image_url") or entry.get("url"))
            if key is not None and url is not None:
                pairs[key] = url
    return pairs


_WRAPPERS = ("messages", "items", "data", "results")


def page(body: Any) -> list[dict[str, Any]]:
    """The entries of one page of stored messages, in any of the shapes such lists come in."""
    for _ in range(len(_WRAPPERS)):  # a list may lie in an object in an object
        if isinstance(body, list):
            return [entry if isinstance(entry, dict) else {} for entry in body]  # the offset counts every one
        if not isinstance(body, dict):
            break
        body = next((body[key] for key in _WRAPPERS if isinstance(body.get(key), list | dict)), None)
    return []


def identity(entry: dict[str, Any]) -> str:
    """What tells an entry from every other, also when it comes on two pages."""
    named = entry.get("id") or entry.get("_id") or entry.get("messageId")
    return str(named) if named else json.dumps(entry, sort_keys=True, default=str)


def messages(entries: Iterable[dict[str, Any]]) -> list[StoredMessage]:
    """What was said, oldest first where the entries tell when; those without words are none."""
    found = list(_stored(entries))
    times = [message.at for message in found if message.at is not None]
    if len(times) == len(found):
        found.sort(key=lambda message: message.at or times[0])
    return found


def _stored(entries: Iterable[dict[str, Any]]) -> Iterable[StoredMessage]:
    for entry in entries:
        words = without_tags(text(entry.get("content") or entry.get("text") or entry.get("message")) or "")
        if words:
            speaker = entry.get("role") or entry.get("sender") or entry.get("speaker") or entry.get("type")
            at = entry.get("createdAt") or entry.get("created_at") or entry.get("timestamp")
            yield StoredMessage(role(speaker), words, instant(at))


def role(value: Any) -> Role:
    """A person by any of the usual words; Valsea's own client takes everything else for the voicebot."""
    return "user" if isinstance(value, str) and value.strip().casefold() in ("user", "human") else "voicebot"


def text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def web_address(value: Any) -> str | None:
    address = text(value)
    return address if address is not None and address.startswith(("https://", "http://")) else None


def instant(value: Any) -> datetime | None:
    """An ISO 8601 string, or seconds or milliseconds since 1970; the documentation does not say which."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    return None


def credits_used(response: httpx.Response) -> Decimal | None:
    """The X-Credits-Used header, a decimal number."""
    with contextlib.suppress(InvalidOperation):
        used = Decimal(response.headers.get("x-credits-used", ""))
        if used.is_finite() and used >= 0:
            return used
    return None

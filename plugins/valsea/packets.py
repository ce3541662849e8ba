"""What Valsea's voicebot sends as LiveKit data packets: transcript lines and pictures, as JSON.

The form is not documented; it follows what Valsea's own sample client reads. There is no topic to filter by, unknown
types and fields are ignored, and a packet that is not JSON is searched for picture tags like any other text.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bot.api import MAX_URL, RoomMessage, ShownImage, Utterance

from . import tags
from .answers import MAX_KEY, MAX_LINE, role, text

MAX_BYTES = 16 * 1024  # LiveKit's reliable packets are 15 KiB at most
#: Pictures in one packet; a voicebot shows one or two at a time.
MAX_PICTURES = 16
_MAX_NAME = 128  # characters of what names a segment
_ADDRESS = re.compile(r"https?://[^\s<>()\"']++", re.IGNORECASE)
#: How a transcript's packet and its fields may be called: as the sample client reads them first, then as likely.
_TRANSCRIPTS = ("transcript", "transcription")
_WORDS = ("text", "content", "transcript", "message")
_SPEAKERS = ("role", "speaker", "sender")
_FINAL = ("isComplete", "is_complete", "isFinal", "is_final", "final")
_PICTURE_FILES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def read_packet(payload: bytes) -> list[RoomMessage]:
    """Return the lines and pictures in one packet, pictures first."""
    if len(payload) > MAX_BYTES:
        return []
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return list(islice(_images_in(payload.decode("utf-8", "replace")), MAX_PICTURES))
    if not isinstance(body, dict):
        return []
    return [*islice(_images(body), MAX_PICTURES), *_line(body)]


def _line(body: dict[str, Any]) -> Iterator[Utterance]:
    kind = body.get("type") or body.get("event") or body.get("kind")
    if kind not in _TRANSCRIPTS:
        return
    nested = [body[name] for name in ("data", "payload") if isinstance(body.get(name), dict)]
    said: dict[str, Any] = {**(nested[0] if nested else {}), **body}
    words = tags.without_tags(_first(said, _WORDS) or "")[:MAX_LINE]
    if words:
        segment = _first(said, ("segmentId", "segment_id", "id"))
        named = segment if segment is None or len(segment) <= _MAX_NAME else None
        final = all(said.get(name) is not False for name in _FINAL)
        yield Utterance(role(_first(said, _SPEAKERS)), words, final, named)


def _first(body: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of some fields that holds words."""
    return next((found for name in names if (found := text(body.get(name))) is not None), None)


def _images(body: dict[str, Any]) -> Iterator[ShownImage]:
    entries: list[Any] = []
    data = body.get("data")
    for holder in (body, data if isinstance(data, dict) else {}):
        if isinstance(holder.get("images"), list):
            entries += holder["images"]
    if body.get("type") == "image":
        entries.append(body.get("image") if isinstance(body.get("image"), dict) else body)
    for entry in entries:
        image = _image(entry)
        if image is not None:
            yield image
    if not entries:
        for key in ("text", "content", "message"):
            yield from _images_in(text(body.get(key)) or "")


def _image(entry: Any) -> ShownImage | None:
    if isinstance(entry, str):
        return reference(entry)
    if not isinstance(entry, dict):
        return None
    url = next((text(entry.get(k)) for k in ("url", "src", "imageUrl", "image_url") if entry.get(k)), None)
    key = next((text(entry.get(k)) for k in ("key", "imageKey", "image_key") if entry.get(k)), None)
    if url is not None and not url.startswith(("http://", "https://")):
        key, url = key or url, None
    return _bounded(key, url)


def _images_in(words: str) -> Iterator[ShownImage]:
    for found in tags.IMAGE.findall(words):
        image = reference(found)
        if image is not None:
            yield image
    rest = tags.IMAGE.sub(" ", words)
    shown = [
        address
        for found in _ADDRESS.finditer(rest)
        if (address := _shown(rest, found)) is not None and len(address) <= MAX_URL
    ]
    for url in dict.fromkeys(shown):
        yield ShownImage(None, url)


def _shown(words: str, found: "re.Match[str]") -> str | None:
    """Find the address of a picture: one in Markdown's `![...](address)`, or one that ends like a picture's file."""
    begin, end = found.span()
    if words[begin - 2 : begin] == "](" and words[end : end + 1] == ")":
        title = words.rfind("![", max(0, begin - 200), begin)
        if title >= 0 and "]" not in words[title : begin - 2]:
            return found[0]
    address = found[0].rstrip(".,;:!?*")
    return address if address.partition("?")[0].casefold().endswith(_PICTURE_FILES) else None


def reference(value: str) -> ShownImage | None:
    """Return the picture that text names: by address, or by key with or without its `IMG:` prefix and quotes."""
    cleaned = value.strip().strip("\"'`").strip()
    if cleaned.startswith(("http://", "https://")):
        return _bounded(None, cleaned)
    return _bounded(cleaned.removeprefix("IMG:").strip() or None, None)


def _bounded(key: str | None, url: str | None) -> ShownImage | None:
    """Return a picture if its name and address have a length that a picture's can have."""
    if key is not None and len(key) > MAX_KEY:
        key = None
    if url is not None and len(url) > MAX_URL:
        url = None
    return None if key is None and url is None else ShownImage(key, url)

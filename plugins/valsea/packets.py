"""What Valsea's voicebot sends as LiveKit data packets: transcript lines and pictures, as JSON.

The form is not documented; it follows what Valsea's own sample client reads. There is no topic to filter by, unknown
types and fields are ignored, and a packet that is not JSON is searched for picture tags like any other text.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.provider import RoomMessage, ShownImage, Utterance

from . import tags
from .answers import role, text

MAX_BYTES = 64 * 1024  # LiveKit's reliable packets are 15 KiB at most
_MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\]\((https?://[^\s)]+)\)")
_BARE_IMAGE = re.compile(r"https?://[^\s<>()\"']+\.(?:png|jpe?g|webp|gif)(?:\?[^\s<>()\"']*)?", re.IGNORECASE)


def read_packet(payload: bytes) -> list[RoomMessage]:
    """The lines and pictures in one packet, pictures first."""
    if len(payload) > MAX_BYTES:
        return []
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return list(_images_in(payload.decode("utf-8", "replace")))
    if not isinstance(body, dict):
        return []
    return [*_images(body), *_line(body)]


def _line(body: dict[str, Any]) -> Iterator[Utterance]:
    if body.get("type") != "transcript":
        return
    words = tags.without_tags(text(body.get("text")) or text(body.get("content")) or "")
    if words:
        segment = text(body.get("segmentId")) or text(body.get("id"))
        yield Utterance(role(body.get("role")), words, body.get("isComplete") is not False, segment)


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
    return None if key is None and url is None else ShownImage(key, url)


def _images_in(words: str) -> Iterator[ShownImage]:
    for found in tags.IMAGE.findall(words):
        image = reference(found)
        if image is not None:
            yield image
    for url in dict.fromkeys([*_MARKDOWN_IMAGE.findall(words), *_BARE_IMAGE.findall(tags.IMAGE.sub(" ", words))]):
        yield ShownImage(None, url)


def reference(value: str) -> ShownImage | None:
    """A picture named in text: an address, or a key with or without its `IMG:` prefix and quotes."""
    cleaned = value.strip().strip("\"'`").strip()
    if cleaned.startswith(("http://", "https://")):
        return ShownImage(None, cleaned)
    key = cleaned.removeprefix("IMG:").strip()
    return ShownImage(key, None) if key else None

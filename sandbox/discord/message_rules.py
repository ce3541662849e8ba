"""What Discord refuses of a message, and simcord's model would take: pure checks of a request's body.

Sources: https://discord.com/developers/docs/resources/message, and its table of JSON error codes.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

INVALID_FORM, NO_TEXT_CHANNEL, THREAD_LOCKED, OLD_EDITS = 50035, 50008, 160005, 30046
LONGEST_ADDRESS = 2048
#: The addresses in an embed: (of what, which field).
_ADDRESSES = (("author", "icon_url"), ("author", "url"), ("footer", "icon_url"), ("image", "url"), ("thumbnail", "url"))


def refused_address(body: Any) -> Json | None:
    """The error body for an embed with an address that Discord does not take; None when all are good."""
    embeds = body.get("embeds") if isinstance(body, dict) else None
    for number, embed in enumerate(embeds if isinstance(embeds, list) else ()):
        for path, address in _addresses(embed):
            reason = _wrong(address)
            if reason is not None:
                return invalid_form(["embeds", str(number), *path], reason)
    return None


def _addresses(embed: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(embed, dict):
        return
    if embed.get("url"):
        yield ("url",), embed["url"]
    for part, name in _ADDRESSES:
        value = embed.get(part)
        if isinstance(value, dict) and value.get(name):
            yield (part, name), value[name]


def _wrong(address: Any) -> tuple[str, str] | None:
    if not isinstance(address, str) or len(address) > LONGEST_ADDRESS:
        return "BASE_TYPE_MAX_LENGTH", f"Must be {LONGEST_ADDRESS} or fewer in length."
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "URL_TYPE_INVALID_URL", "Not a well formed URL."
    if parts.scheme == "attachment":
        return None
    if parts.scheme not in ("http", "https"):
        return "URL_TYPE_INVALID_SCHEME", f"Scheme \"{parts.scheme}\" must be one of ('http', 'https')."
    labelled = host is not None and "." in host and all(label for label in host.rstrip(".").split("."))
    if not labelled or any(character.isspace() or character < " " for character in address):
        return "URL_TYPE_INVALID_URL", "Not a well formed URL."
    return None


def invalid_form(path: list[str], reason: tuple[str, str]) -> Json:
    """50035, with the field that is wrong, as Discord names it."""
    inner: Json = {"_errors": [{"code": reason[0], "message": reason[1]}]}
    for key in reversed(path):
        inner = {key: inner}
    return {"message": "Invalid Form Body", "code": INVALID_FORM, "errors": inner}

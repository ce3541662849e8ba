"""The shape of what somebody else sent: its keys and types, and the form of its strings, and nothing they say.

The work is bounded, however large a value is.
"""

import json
import re
from itertools import islice
from typing import Any

MAX_DEPTH, MAX_KEYS, MAX_ITEMS = 6, 40, 3
#: Bytes of a body that are looked at.
MAX_BODY = 256 * 1024

#: A key that a programmer has chosen, which begins with a small letter. Any other may be somebody's name or word.
KEY = re.compile(r"[a-z_$][A-Za-z0-9_$-]{0,39}", re.ASCII)
#: Forms of strings, the narrowest first.
_FORMS = (
    ("empty", re.compile(r"")),
    ("digits", re.compile(r"\d+")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")),
    ("token", re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")),
    ("address https", re.compile(r"https://\S+")),
    ("address http", re.compile(r"http://\S+")),
    ("address wss", re.compile(r"wss://\S+")),
    ("address ws", re.compile(r"ws://\S+")),
    ("hex", re.compile(r"[0-9a-fA-F]{16,}")),
    ("word", re.compile(r"[A-Za-z]+")),
    ("identifier", re.compile(r"[\w.:~-]+", re.ASCII)),
)
#: Keys of objects whose value says what kind of thing they are. Such a value is part of the contract.
_DISCRIMINATORS = frozenset({"type", "event", "role", "kind", "state", "speaker", "code"})
#: Values of discriminators that are shown. Any other is a form only, since it may be a name.
_KINDS = """
    transcript transcription transcription_final user human customer caller assistant agent bot voicebot system image
    images picture show_image show image_shown state agent_state listening thinking speaking idle initializing message
    error session_end end metrics function_call tool_call tool final partial interim data text content
"""
_WORDS = frozenset(_KINDS.split())


def form(text: str) -> str:
    """Return the form of a string and its length, such as `uuid(36)`; `text` when it is none of the known forms."""
    looked_at = text[:2048]
    name = next((name for name, pattern in _FORMS if pattern.fullmatch(looked_at)), "text")
    return f"{name}({len(text)})"


def shape(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a JSON value with forms in place of strings and types in place of numbers."""
    if isinstance(value, str):
        return value if key in _DISCRIMINATORS and value in _WORDS else form(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return "whole number" if isinstance(value, int) else "number"
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return _object(value, depth)
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in value[:MAX_ITEMS]:
            if (found := shape(item, key, depth + 1)) not in shapes:
                shapes.append(found)
        return {f"list of {len(value)}": shapes}
    return type(value).__name__


def _object(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if _is_mapping(value):
        first = next(iter(value.values()))
        return {f"{len(value)} keys": shape(first, "", depth + 1)}
    shapes: dict[str, Any] = {}
    hidden = max(0, len(value) - MAX_KEYS)
    for key, inner in islice(value.items(), MAX_KEYS):
        if isinstance(key, str) and KEY.fullmatch(key):
            shapes[key] = shape(inner, key, depth + 1)
        else:
            hidden += 1
    if hidden:
        shapes["(other keys)"] = hidden
    return shapes


def _is_mapping(value: dict[Any, Any]) -> bool:
    """Whether its keys are data: a picture's key before its address, or a name before each of several objects alike."""
    some = list(islice(value.values(), MAX_KEYS))
    if not some:
        return False
    if all(isinstance(one, str) and one.startswith(("https://", "http://")) for one in some):
        return True
    return len(some) > 1 and all(isinstance(one, dict) and one.keys() == some[0].keys() for one in some)


def body_shape(body: bytes, size: int | None = None) -> Any:
    """Return the shape of a body: of its JSON, or how many bytes of what it is. `size` is how long the whole of it is
    when it was cut."""
    length = len(body) if size is None else size
    if not length:
        return None
    if length > len(body) or length > MAX_BODY:
        return f"{length} bytes, too many to look at"
    try:
        return shape(json.loads(body))
    except (ValueError, RecursionError):
        start = body[:512].lstrip().lower()
        what = "of a web page" if start.startswith((b"<!doctype html", b"<html")) else "that are not JSON"
        return f"{length} bytes {what}"

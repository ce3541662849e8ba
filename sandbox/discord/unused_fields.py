"""What Discord takes without a word, and simcord's model would refuse: fields that other libraries send and that
change nothing. Pure.
"""

from typing import Any

#: On commands: replaced by `default_member_permissions` in 2022, and still sent.
_OF_COMMANDS = {"default_permission"}
#: Of a new message only, and without meaning in an edit.
_OF_NEW_MESSAGES = {"enforce_nonce", "nonce", "tts"}


def without_unused(method: str, path: str, body: Any) -> Any:
    """The body of a request to `path` without the fields that Discord does not look at there."""
    if isinstance(body, list):
        return [without_unused(method, path, part) for part in body]
    if not isinstance(body, dict):
        return body
    unused = {"tts"} if body.get("tts", False) is None else set()
    if "/commands" in path:
        unused |= _OF_COMMANDS
    if method == "PATCH" and "/messages/" in path:
        unused |= _OF_NEW_MESSAGES
    kept = {name: value for name, value in body.items() if name not in unused}
    for name in ("data", "message_reference"):
        part = kept.get(name)
        if isinstance(part, dict):
            kept[name] = {key: value for key, value in part.items() if value is not None or key not in ("tts", "type")}
    return kept

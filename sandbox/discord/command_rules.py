"""What Discord refuses of an application's commands before it keeps any of them. Pure.

Source: https://discord.com/developers/docs/interactions/application-commands (naming, localization, limits).
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

CHAT_INPUT = 1
MOST_COMMANDS, MOST_OPTIONS, LONGEST_NAME, LONGEST_DESCRIPTION = 100, 25, 32, 100


def refusal(commands: list[Json]) -> Json | None:
    """The body of Discord's answer 400; None when it takes them all."""
    errors: Json = {str(number): found for number, command in enumerate(commands) if (found := _of_command(command))}
    if len(commands) > MOST_COMMANDS:
        errors |= _error("BASE_TYPE_MAX_LENGTH", f"Must be {MOST_COMMANDS} or fewer in length.")
    for number, command in enumerate(commands):
        earlier = [(other["name"], other.get("type", CHAT_INPUT)) for other in commands[:number]]
        if (command["name"], command.get("type", CHAT_INPUT)) in earlier:
            errors.setdefault(str(number), {})["name"] = _error(
                "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
            )
    return {"code": 50035, "message": "Invalid Form Body", "errors": errors} if errors else None


def _of_command(command: Json) -> Json:
    if command.get("type", CHAT_INPUT) != CHAT_INPUT:
        return {}
    found = _of_words(command)
    options = command.get("options") or []
    below: Json = {str(number): wrong for number, option in enumerate(options) if (wrong := _of_command_option(option))}
    if len(options) > MOST_OPTIONS:
        below |= _error("BASE_TYPE_MAX_LENGTH", f"Must be {MOST_OPTIONS} or fewer in length.")
    if below:
        found["options"] = below
    return found


def _of_command_option(option: Json) -> Json:
    """Subcommands and groups are options, too, with options of their own."""
    return _of_command({**option, "type": CHAT_INPUT})


def _of_words(thing: Json) -> Json:
    """Its name and description, and both in every language."""
    found: Json = {}
    for key, value in _all(thing, "name"):
        if not _is_name(str(value)):
            found[key] = _error("STRING_TYPE_REGEX", "String value did not match validation regex.")
    for key, value in _all(thing, "description"):
        if not 1 <= len(str(value)) <= LONGEST_DESCRIPTION:
            found[key] = _error("BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {LONGEST_DESCRIPTION} in length.")
    return found


def _all(thing: Json, key: str) -> Iterable[tuple[str, Any]]:
    yield key, thing.get(key, "")
    localised: Mapping[str, Any] = thing.get(f"{key}_localizations") or {}
    for value in localised.values():
        yield f"{key}_localizations", value


def _is_name(name: str) -> bool:
    """`^[-_'\\p{L}\\p{N}\\p{sc=Deva}\\p{sc=Thai}]{1,32}$`, in lower case where there is one."""
    known = all(
        sign in "-_'"
        or unicodedata.category(sign)[0] in "LN"
        or unicodedata.name(sign, "").startswith(("DEVAN", "THAI"))
        for sign in name
    )
    return known and 1 <= len(name) <= LONGEST_NAME and name == name.lower()


def _error(code: str, message: str) -> Json:
    return {"_errors": [{"code": code, "message": message}]}

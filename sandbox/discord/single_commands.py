"""Application commands one at a time, which simcord's model only knows as a whole list. Pure.

Source: https://discord.com/developers/docs/interactions/application-commands#endpoints
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_PATH = re.compile(r"^(/applications/\d+(?:/guilds/(\d+))?/commands)(?:/(\d+))?$")
_UNKNOWN = 404, {"message": "Unknown application command", "code": 10063}
#: What Discord adds to what was sent.
_ADDED = {"id", "application_id", "guild_id", "version"}


@dataclass(frozen=True, slots=True)
class Change:
    """A list of commands to put in the place of the one that is registered, and which of them is asked about."""

    path: str  # of the list
    commands: list[Json]
    name: str | None  # of the command that the answer shows; None when it shows nothing
    status: int
    keeps_id: str | None = None  # of a command that may have got another name


def requested(
    method: str, path: str, body: Any, registered: Mapping[int | None, Mapping[Any, Json]]
) -> Change | tuple[int, Json] | None:
    """What a request about one command asks for: a change, or its answer (status and body) when it changes nothing.
    None when it is about something else; `registered` has a bot's commands by their server."""
    match = _PATH.match(path)
    if match is None or (match[3] is None and method != "POST") or not isinstance(body, dict | None):
        return None
    there = list(registered.get(int(match[2]) if match[2] else None, {}).values())
    if match[3] is None:
        new = body or {}
        same = [one for one in there if _key(one) == _key(new)]
        others = [_as_sent(one) for one in there if one not in same]
        return Change(match[1], [*others, new], new.get("name"), 200 if same else 201)
    known = next((one for one in there if one["id"] == match[3]), None)
    if known is None:
        return _UNKNOWN
    others = [_as_sent(one) for one in there if one is not known]
    if method == "GET":
        return 200, known
    if method == "DELETE":
        return Change(match[1], others, None, 204)
    changed = {**_as_sent(known), **(body or {})}
    return Change(match[1], [*others, changed], changed["name"], 200, known["id"]) if method == "PATCH" else None


def with_version(command: Json) -> Json:
    """A command as Discord shows it: its version is the id of its last change."""
    return {"version": command["id"], **command}


def _as_sent(command: Json) -> Json:
    return {name: value for name, value in command.items() if name not in _ADDED}


def _key(command: Json) -> tuple[Any, int]:
    return command.get("name"), command.get("type", 1)

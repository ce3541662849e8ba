"""What a client sends when somebody types a slash command, by what the application has registered. Pure.

Source: https://discord.com/developers/docs/interactions/application-commands
"""

from collections.abc import Callable, Mapping
from typing import Any

from .model import Json, Upload

SUB_COMMANDS = (1, 2)
STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
#: Options whose value is the id of a person; of a role. A mentionable is either.
PEOPLE, ROLES = (USER, MENTIONABLE), (ROLE, MENTIONABLE)

#: From (option type, value) to the value as it is sent; what it stands for goes into the interaction's `resolved`.
Resolve = Callable[[int, Any, Json], Any]


def command_data(
    kinds: Mapping[str, int], command: str, options: Mapping[str, Any], resolve: Resolve, focused: str = ""
) -> Json:
    """The `data` of an interaction for `"voicebot join"` and options by name, whose types are in `kinds`; `focused` is
    being typed."""
    name, *path = command.split()
    data: Json = {"name": name, "options": [], "resolved": {}}
    leaf: list[Json] = data["options"]
    for part in path:
        node: Json = {"name": part, "type": 1, "options": []}
        leaf.append(node)
        leaf = node["options"]
    for option, value in options.items():
        kind = kinds.get(option, _kind_of(value))
        sent: Json = {"name": option, "type": kind, "value": resolve(kind, value, data["resolved"])}
        leaf.append({**sent, "focused": True} if option == focused else sent)
    return data


def kinds(registered: Json, path: list[str]) -> dict[str, int]:
    """The types of a registered command's options by their names; of a subcommand's by its path."""
    options: list[Json] = registered.get("options") or []
    for part in path:
        below = next((item for item in options if item["name"] == part and item["type"] in SUB_COMMANDS), None)
        options = [] if below is None else below.get("options") or []
    return {item["name"]: int(item["type"]) for item in options}


def _kind_of(value: Any) -> int:
    """Of an option that nobody has registered."""
    if isinstance(value, bool):
        return BOOLEAN
    return ATTACHMENT if isinstance(value, Upload) else CHANNEL if isinstance(value, int) else STRING

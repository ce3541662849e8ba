"""Discord's rules for commands, as far as the sandbox keeps them."""

from typing import Any

import pytest

from sandbox.discord.command_rules import refusal


def _command(**changes: Any) -> dict[str, Any]:
    option = {"name": "sides", "description": "how many", "type": 4}
    return {"name": "roll", "description": "Roll a die", "type": 1, "options": [option], **changes}


def test_ordinary_commands_are_taken() -> None:
    localised = {"name_localizations": {"de": "würfeln", "vi": "đổ-xúc-xắc"}}
    assert refusal([_command(), _command(name="other", **localised), {"name": "Look At It", "type": 3}]) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "Roll"}, ("0", "name")),
        ({"name": "roll it"}, ("0", "name")),
        ({"name": "r" * 33}, ("0", "name")),
        ({"name_localizations": {"de": "Würfeln"}}, ("0", "name_localizations")),
        ({"description": ""}, ("0", "description")),
        ({"description": "d" * 101}, ("0", "description")),
        ({"description_localizations": {"de": "d" * 101}}, ("0", "description_localizations")),
        ({"options": [{"name": "how many", "description": "x", "type": 4}]}, ("0", "options", "0", "name")),
        ({"options": [{"name": f"o{n}", "description": "x", "type": 4} for n in range(26)]}, ("0", "options")),
    ],
)
def test_what_discord_refuses(changes: dict[str, Any], where: tuple[str, ...]) -> None:
    found = refusal([_command(**changes)])
    assert found is not None
    assert found["code"] == 50035
    at = found["errors"]
    for key in where:
        at = at[key]
    assert at["_errors"]


def test_two_of_one_name() -> None:
    found = refusal([_command(), _command()])
    assert found is not None
    assert found["errors"]["1"]["name"]["_errors"][0]["code"] == "APPLICATION_COMMANDS_DUPLICATE_NAME"

"""What a client sends for a slash command: by the types that the application has registered."""

from typing import Any

from sandbox.discord.command_data import command_data, kinds

REGISTERED = {
    "name": "dice",
    "options": [
        {
            "name": "roll",
            "type": 1,
            "options": [
                {"name": "sides", "type": 4},
                {"name": "weight", "type": 10},
                {"name": "who", "type": 6},
                {"name": "loud", "type": 5},
            ],
        }
    ],
}


def _resolve(kind: int, value: Any, resolved: dict[str, Any]) -> Any:
    if kind == 6:
        resolved["users"] = {str(value): {}}
        return str(value)
    return value


def test_options_have_the_types_that_were_registered() -> None:
    data = command_data(
        kinds(REGISTERED, ["roll"]), "dice roll", {"sides": 6, "weight": 2, "who": 77, "loud": True}, _resolve
    )
    (roll,) = data["options"]
    assert [(option["name"], option["type"], option["value"]) for option in roll["options"]] == [
        ("sides", 4, 6),
        ("weight", 10, 2),
        ("who", 6, "77"),
        ("loud", 5, True),
    ]
    assert data["resolved"] == {"users": {"77": {}}}


def test_what_nobody_has_registered_goes_by_its_value() -> None:
    data = command_data({}, "voicebot join", {"channel": 5, "voicebot": "guide"}, _resolve, focused="voicebot")
    (join,) = data["options"]
    assert [(option["type"], option.get("focused")) for option in join["options"]] == [(7, None), (3, True)]

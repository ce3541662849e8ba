"""What other libraries send, and what is left of it."""

import pytest

from sandbox.discord.unused_fields import without_unused

MESSAGES, MESSAGE, COMMANDS = "/channels/1/messages", "/channels/1/messages/2", "/applications/1/guilds/2/commands"


def test_an_edit_loses_what_belongs_to_a_new_message() -> None:
    body = {"content": "a", "enforce_nonce": True, "nonce": "1", "tts": False}
    assert without_unused("PATCH", MESSAGE, body) == {"content": "a"}
    assert without_unused("POST", MESSAGES, body) == body


def test_null_stands_for_nothing_where_discord_has_a_default() -> None:
    body = {"tts": None, "content": None, "message_reference": {"type": None, "message_id": "5"}}
    assert without_unused("POST", MESSAGES, body) == {"content": None, "message_reference": {"message_id": "5"}}
    answer = {"type": 4, "data": {"content": "pong", "tts": None}}
    assert without_unused("POST", "/interactions/1/t/callback", answer) == {"type": 4, "data": {"content": "pong"}}


def test_commands_may_carry_the_permission_of_before() -> None:
    commands = [{"name": "ping", "default_permission": True}, {"name": "pong"}]
    assert without_unused("PUT", COMMANDS, commands) == [{"name": "ping"}, {"name": "pong"}]


@pytest.mark.parametrize("body", [None, "text", 5, [], {}, [None]])
def test_other_bodies_are_left_alone(body: object) -> None:
    assert without_unused("PATCH", MESSAGE, body) == body


def test_the_body_itself_is_not_changed() -> None:
    body = {"tts": None, "message_reference": {"type": None}}
    without_unused("POST", MESSAGES, body)
    assert body == {"tts": None, "message_reference": {"type": None}}

"""What is done about each close code."""

import pytest

from bot.voice.close_codes import Remedy, explain


@pytest.mark.parametrize("code", [None, 1006, 4000, 4015])
def test_a_broken_connection_is_resumed(code: int | None) -> None:
    assert explain(code).remedy is Remedy.RESUME


@pytest.mark.parametrize("code", [4004, 4006, 4009, 4011, 4020])
def test_an_invalid_session_is_replaced(code: int) -> None:
    assert explain(code).remedy is Remedy.FRESH_SESSION


def test_a_disconnection_is_for_the_main_gateway_to_explain() -> None:
    assert explain(4014).remedy is Remedy.AWAIT_GATEWAY


@pytest.mark.parametrize("code", [4016, 4017, 4021, 4022])
def test_some_codes_forbid_another_try(code: int) -> None:
    assert explain(code).remedy is Remedy.GIVE_UP


@pytest.mark.parametrize("code", [*range(4001, 4023), 1000, 1001, 1006, None])
def test_every_code_has_words_for_people(code: int | None) -> None:
    assert explain(code).meaning.endswith(".")

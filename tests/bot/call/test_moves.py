"""In which channels a call goes on, and in which it ends."""

import pytest

from bot.call.moves import SENT_SECONDS, Moves

HOME, OTHER, THIRD = 1, 2, 3


def test_a_moderators_move_ends_it_where_it_does_not_follow() -> None:
    moves = Moves(HOME, follow=False)
    assert moves.may_be_in(HOME, 0.0)
    assert not moves.may_be_in(OTHER, 0.0)


def test_where_it_follows_it_goes_anywhere() -> None:
    assert Moves(HOME, follow=True).may_be_in(OTHER, 0.0)


@pytest.mark.parametrize(("after", "goes_on"), [(0.0, True), (SENT_SECONDS - 0.1, True), (SENT_SECONDS, False)])
def test_a_move_that_was_asked_for_is_ours_for_a_while(after: float, goes_on: bool) -> None:
    moves = Moves(HOME, follow=False)
    moves.send_to(OTHER, 100.0)
    assert moves.may_be_in(OTHER, 100.0 + after) is goes_on
    assert not moves.may_be_in(THIRD, 100.0)


def test_where_it_has_arrived_it_is_at_home_and_asks_anew_for_the_next() -> None:
    moves = Moves(HOME, follow=False)
    moves.send_to(OTHER, 0.0)
    assert moves.on_arrived(OTHER)
    assert moves.may_be_in(OTHER, 1000.0)
    assert not moves.may_be_in(HOME, 1.0)


def test_who_is_back_at_once_has_not_moved() -> None:
    moves = Moves(HOME, follow=False)
    assert not moves.on_arrived(HOME)

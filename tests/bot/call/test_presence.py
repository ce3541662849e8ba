"""Who is there has two witnesses, and neither alone ends a call or keeps it."""

import pytest

from bot.call.presence import CHECKS_IN_A_ROW, HEARD_SECONDS, Presence

ANN, BOB = 1, 2


def test_both_agree() -> None:
    presence = Presence()
    assert presence.people({ANN, BOB}, {ANN, BOB}, None) == (2, None)
    assert presence.people(set(), set(), None) == (0, None)


def test_an_exit_that_the_gateway_never_tells_is_seen_at_the_voice_server() -> None:
    presence = Presence()
    presence.people({ANN}, {ANN}, None)
    for _ in range(CHECKS_IN_A_ROW - 1):
        assert presence.people({ANN}, set(), HEARD_SECONDS + 1) == (1, None)
    count, told = presence.people({ANN}, set(), HEARD_SECONDS + 2)
    assert count == 0
    assert told is not None


def test_a_join_that_it_never_tells_is_heard() -> None:
    count, told = Presence().people(set(), {ANN}, 1.0)
    assert count == 1
    assert told is not None


def test_who_only_sits_there_unseen_by_the_gateway_is_no_reason_to_go_on() -> None:
    assert Presence().people(set(), {ANN}, None) == (0, None)
    assert Presence().people(set(), {ANN}, HEARD_SECONDS + 1) == (0, None)


@pytest.mark.parametrize("by_server", [set(), None])
def test_a_voice_server_that_names_nobody_is_no_witness(by_server: set[int] | None) -> None:
    presence = Presence()
    for _ in range(10):
        assert presence.people({ANN}, by_server, None) == (1, None)


def test_a_short_gap_at_the_voice_server_ends_nothing() -> None:
    presence = Presence()
    presence.people({ANN}, {ANN}, None)
    for _ in range(5):
        assert presence.people({ANN}, set(), None)[0] == 1
        assert presence.people({ANN}, {ANN}, None)[0] == 1


def test_who_was_heard_a_moment_ago_is_there() -> None:
    presence = Presence()
    presence.people({ANN}, {ANN}, None)
    for _ in range(5):
        assert presence.people({ANN}, set(), 1.0) == (1, None)


def test_an_event_about_somebody_else_does_not_bring_back_who_was_not_believed() -> None:
    presence = Presence()
    presence.people({ANN}, {ANN}, None)
    for _ in range(CHECKS_IN_A_ROW):
        presence.people({ANN}, set(), None)
    assert presence.after_event({ANN}, about=BOB) == 0
    assert presence.after_event({ANN, BOB}, about=BOB) == 1
    assert presence.after_event({ANN}, about=ANN) == 1, "she has come back, and the gateway says so"


def test_an_event_does_not_hide_who_is_heard_and_whom_the_gateway_does_not_know() -> None:
    presence = Presence()
    presence.people(set(), {ANN}, 1.0)
    assert presence.after_event(set(), about=BOB) == 1
    presence.people(set(), set(), 1.0)
    assert presence.after_event(set(), about=BOB) == 0

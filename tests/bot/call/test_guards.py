"""What must not go on for too long ends, with a word before; and what keeps a call alive does keep it."""

import pytest

from bot.billing.end_reason import EndReason
from bot.call.guards import CheckHearing, End, Guards, Recovered, Warn
from bot.call.state import Side
from bot.config.model import ServerSettings

ANN, BOB, VOICEBOT = 1, 2, None
SETTINGS = ServerSettings(silence_limit=600, first_audio_limit=0)


def _guards(**changes: object) -> Guards:
    guards = Guards(SETTINGS.model_copy(update=changes))
    guards.on_live(0.0)
    if "voicebot_arrival" not in changes:
        guards.on_voicebot_arrived()
    return guards


def _at(guards: Guards, now: float, awake: float | None = None) -> list[object]:
    return list(guards.check(now, now if awake is None else awake))


def test_nobody_speaks() -> None:
    guards = _guards()
    assert _at(guards, 539) == []
    (warning,) = _at(guards, 540)
    assert isinstance(warning, Warn)
    assert "Nobody has spoken for 9 minutes" in warning.text
    assert _at(guards, 599) == []
    assert _at(guards, 600) == [End(EndReason.SILENCE)]


@pytest.mark.parametrize(("who", "long"), [(ANN, 5000), (VOICEBOT, 1100)])
def test_people_and_the_voicebot_both_keep_it_alive(who: int | None, long: float) -> None:
    guards = _guards()
    guards.on_speaking(550, who, True)
    assert _at(guards, long) == []
    guards.on_speaking(long, who, False)
    assert _at(guards, long + 599) != [End(EndReason.SILENCE)]
    assert _at(guards, long + 600) == [End(EndReason.SILENCE)]


def test_a_voicebot_that_asks_again_and_again_does_not_keep_alive_a_call_of_nobody() -> None:
    """An empty-headed channel would be billed to the end of its minutes."""
    guards = _guards()
    found: list[object] = []
    for minute in range(40):
        guards.on_speaking(60 * minute, VOICEBOT, True)
        guards.on_speaking(60 * minute + 5, VOICEBOT, False)
        found += _at(guards, 60 * minute + 6)
    warning, end = found
    assert isinstance(warning, Warn)
    assert "Nobody in the channel has said anything for 29 minutes" in warning.text
    assert end == End(EndReason.SILENCE)


def test_one_word_of_somebody_begins_that_time_anew() -> None:
    guards = _guards()
    for minute in range(60):
        guards.on_speaking(60 * minute, VOICEBOT if minute % 20 else ANN, True)
        guards.on_speaking(60 * minute + 5, VOICEBOT if minute % 20 else ANN, False)
        assert _at(guards, 60 * minute + 6) == []


def test_one_of_two_falling_silent_is_no_silence() -> None:
    guards = _guards()
    guards.on_speaking(1, ANN, True)
    guards.on_speaking(2, BOB, True)
    guards.on_speaking(3, ANN, False)
    assert _at(guards, 5000) == []


def test_a_voicebot_that_leaves_in_mid_word_is_silent() -> None:
    guards = _guards(voicebot_return=3600)
    guards.on_speaking(1, VOICEBOT, True)
    guards.on_voicebot_gone(2)
    guards.on_speaking(3, ANN, True)
    guards.on_speaking(4, ANN, False)
    assert End(EndReason.SILENCE) in _at(guards, 700)


def test_silence_can_be_allowed() -> None:
    assert _at(_guards(silence_limit=0), 1e6) == []


def test_nobody_was_heard_is_looked_into_twice() -> None:
    guards = _guards(first_audio_limit=60)
    assert _at(guards, 29) == []
    assert _at(guards, 30) == [CheckHearing(False)]
    assert _at(guards, 60) == [CheckHearing(True)]


def test_one_word_is_enough_but_not_the_voicebots() -> None:
    guards = _guards(first_audio_limit=60)
    guards.on_speaking(10, VOICEBOT, True)
    assert _at(guards, 30) == [CheckHearing(False)]
    guards.on_speaking(40, ANN, True)
    assert _at(guards, 70) == []


def test_an_empty_channel_ends_it_after_the_grace() -> None:
    guards = _guards(empty_channel_grace=30)
    guards.on_occupancy(10, 0)
    guards.on_occupancy(20, 0)  # another bot moved; the grace goes on
    assert _at(guards, 39) == []
    assert _at(guards, 40) == [End(EndReason.EMPTY)]


def test_a_return_within_the_grace_keeps_it() -> None:
    guards = _guards(empty_channel_grace=30)
    guards.on_occupancy(10, 0)
    guards.on_occupancy(39, 1)
    assert _at(guards, 100) == []


def test_a_voicebot_that_never_arrives() -> None:
    guards = _guards(voicebot_arrival=30)
    assert _at(guards, 30) == [End(EndReason.VOICEBOT_MISSING)]
    guards = _guards(voicebot_arrival=30)
    guards.on_voicebot_arrived()
    assert _at(guards, 31) == []


def test_a_voicebot_that_goes_and_comes_back() -> None:
    guards = _guards(voicebot_return=20)
    guards.on_voicebot_gone(100)
    guards.on_voicebot_arrived()
    assert _at(guards, 130) == []
    guards.on_voicebot_gone(200)
    (warning,) = _at(guards, 204)
    assert warning == Warn("The voicebot has left. I wait a moment for it to come back.")
    assert _at(guards, 220) == [End(EndReason.VOICEBOT_GONE)]


def test_it_is_said_that_the_voicebot_is_back_when_its_going_was() -> None:
    guards = _guards(voicebot_return=20)
    guards.on_voicebot_gone(100)
    assert len(_at(guards, 104)) == 1
    guards.on_voicebot_arrived()
    assert _at(guards, 105) == [Recovered("The voicebot is back.")]
    assert _at(guards, 106) == []


def test_a_room_that_is_away_takes_the_voicebot_with_it_and_is_said_once() -> None:
    guards = _guards()
    guards.on_lost(100, "room")
    guards.on_voicebot_gone(100.5)
    assert _at(guards, 104) == [Warn("The connection to the voicebot broke. I am reconnecting.")]
    guards.on_recovered(105, "room")
    assert _at(guards, 105) == [Recovered("The voicebot is connected again.")]


def test_a_gap_that_is_over_before_anyone_reads_of_it_is_not_told() -> None:
    guards = _guards()
    guards.on_lost(100, "voice")
    guards.on_recovered(101, "voice")
    assert _at(guards, 104) == []


@pytest.mark.parametrize(
    ("side", "limit", "reason"),
    [
        ("voice", 45, EndReason.VOICE_LOST),
        ("room", 45, EndReason.ROOM_LOST),
        ("gateway", 300, EndReason.GATEWAY_LOST),
    ],
)
def test_a_side_that_stays_away(side: Side, limit: float, reason: EndReason) -> None:
    guards = _guards()
    guards.on_lost(100, side)
    guards.on_lost(120, side)  # it is still broken: the limit does not begin again
    told = _at(guards, 100 + limit - 1)
    assert [type(verdict) for verdict in told] == ([] if side == "gateway" else [Warn])  # sound goes on without it
    assert _at(guards, 100 + limit) == [End(reason)]


@pytest.mark.parametrize("side", ["voice", "room", "gateway"])
def test_a_side_that_comes_back_in_time_ends_nothing(side: Side) -> None:
    guards = _guards(silence_limit=0)
    guards.on_lost(500, side)
    guards.on_recovered(510, side)
    assert _at(guards, 1000) == []


def test_an_allowance_warns_at_80_percent_and_a_minute_before() -> None:
    guards = _guards(silence_limit=0)
    guards.set_allowance(0.0, 600, "this server's time per call", EndReason.LIMIT)
    (first,) = _at(guards, 480)
    assert isinstance(first, Warn)
    assert "80 % of this server's time per call is used up; the call ends in about 2 minutes" in first.text
    (second,) = _at(guards, 537)
    assert isinstance(second, Warn)
    assert "in one minute" in second.text
    assert _at(guards, 596) == []
    # Before the next minute is billed.
    assert _at(guards, 597) == [End(EndReason.LIMIT)]


def test_80_percent_are_of_the_limit_and_not_of_what_is_left_of_it() -> None:
    guards = _guards(silence_limit=0)
    guards.set_allowance(0.0, 1800, "this server's time for today", EndReason.LIMIT, spent=1800)
    assert _at(guards, 1079) == []
    (warning,) = _at(guards, 1080)
    assert isinstance(warning, Warn)
    assert warning.text.startswith("80 % of this server's time for today is used up; the call ends in about 12 minutes")


def test_when_80_percent_were_used_up_before_the_call_that_is_said_at_once() -> None:
    guards = _guards(silence_limit=0)
    guards.set_allowance(0.0, 600, "your time for this month", EndReason.LIMIT, spent=3000)
    (warning,) = _at(guards, 0.0)
    assert isinstance(warning, Warn)
    assert "More than 80 % of your time for this month is used up" in warning.text
    assert len(_at(guards, 596)) == 1  # the last minute
    assert _at(guards, 597) == [End(EndReason.LIMIT)]


@pytest.mark.parametrize("seconds", [90, 120, 150])
def test_a_short_allowance_has_its_last_warning_too(seconds: float) -> None:
    guards = _guards(silence_limit=0)
    guards.set_allowance(0.0, seconds, "your time for today", EndReason.LIMIT)
    warnings = [verdict.text for verdict in _at(guards, seconds - 4) if isinstance(verdict, Warn)]
    assert any("in one minute" in text for text in warnings)


def test_a_minute_is_warned_of_once() -> None:
    guards = _guards()
    guards.set_allowance(0.0, 60, "your time for today", EndReason.LIMIT)
    assert len(_at(guards, 56)) == 1
    assert _at(guards, 57) == [End(EndReason.LIMIT)]


def test_after_a_suspension_the_limits_are_looked_at_first() -> None:
    guards = _guards()
    guards.set_allowance(0.0, 600, "x", EndReason.LIMIT)
    assert _at(guards, 10, awake=10) == []
    verdicts = _at(guards, 4000, awake=11)
    assert verdicts[-1] == End(EndReason.SUSPENDED)
    assert End(EndReason.LIMIT) in verdicts


def test_a_short_nap_ends_nothing() -> None:
    guards = _guards(silence_limit=0)
    _at(guards, 10, awake=10)
    assert _at(guards, 40, awake=11) == []


def test_a_voicebot_that_is_gone_because_the_room_is_gone_is_not_what_ended_the_call() -> None:
    guards = _guards(silence_limit=0, voicebot_return=1, reconnect_limit=6)
    guards.on_lost(0, "room")
    guards.on_voicebot_gone(0.5)
    assert [v for v in _at(guards, 5) if isinstance(v, End)] == []
    assert [v for v in _at(guards, 6) if isinstance(v, End)] == [End(EndReason.ROOM_LOST)]


def test_a_voicebot_that_does_not_come_back_with_the_room_is() -> None:
    guards = _guards(silence_limit=0, voicebot_return=1, reconnect_limit=6)
    guards.on_lost(0, "room")
    guards.on_voicebot_gone(0.5)
    guards.on_recovered(105, "room")
    assert [v for v in _at(guards, 8) if isinstance(v, End)] == [End(EndReason.VOICEBOT_GONE)]


def test_a_greeting_puts_off_the_end_of_a_call_in_which_nobody_is_heard() -> None:
    guards = _guards(first_audio_limit=60, silence_limit=0)
    guards.on_speaking(1, VOICEBOT, True)
    assert _at(guards, 30) == [CheckHearing(False)]
    assert _at(guards, 60) == [CheckHearing(True)]
    assert _at(guards, 180) == [CheckHearing(True, final=True)]


def test_nobody_is_blamed_for_not_being_heard_while_the_voice_connection_is_repaired() -> None:
    guards = _guards(first_audio_limit=60, silence_limit=0)
    guards.on_lost(20, "voice")
    assert not [v for v in _at(guards, 61) if isinstance(v, CheckHearing)]
    guards.on_recovered(64, "voice")
    assert [v for v in _at(guards, 64 + 29) if isinstance(v, CheckHearing)] == []
    assert [v for v in _at(guards, 64 + 60) if isinstance(v, CheckHearing)] == [CheckHearing(False), CheckHearing(True)]


def test_who_was_heard_once_is_not_waited_for_again_after_a_repair() -> None:
    guards = _guards(first_audio_limit=60, silence_limit=0)
    guards.on_speaking(10, ANN, True)
    guards.on_speaking(12, ANN, False)
    guards.on_lost(20, "voice")
    guards.on_recovered(22, "voice")
    assert [v for v in _at(guards, 500) if isinstance(v, CheckHearing)] == []

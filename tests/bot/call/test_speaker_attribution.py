"""Who said a line; and when nobody can tell, nobody is named alone."""

from bot.call.speaker_attribution import FORGET_AFTER, SpeakerAttribution

ANN, BOB, CYD = 1, 2, 3


def _ledger(*speech: tuple[int, float, float]) -> SpeakerAttribution:
    """People speaking from and to, in the order of time."""
    ledger = SpeakerAttribution()
    events = [(start, 1, user) for user, start, _ in speech] + [(end, 0, user) for user, _, end in speech]
    for at, starts, user in sorted(events):
        (ledger.started if starts else ledger.stopped)(user, at)
    return ledger


def test_the_one_who_spoke() -> None:
    assert _ledger((ANN, 0.0, 2.0)).claim(3.0) == (ANN,)


def test_each_line_takes_its_own_turn() -> None:
    ledger = SpeakerAttribution()
    ledger.started(ANN, 0.0)
    ledger.stopped(ANN, 2.0)
    assert ledger.claim(3.0) == (ANN,)
    ledger.started(BOB, 4.0)
    ledger.stopped(BOB, 6.0)
    assert ledger.claim(7.0) == (BOB,)


def test_someone_who_starts_before_the_line_is_there_is_not_its_speaker() -> None:
    ledger = _ledger((ANN, 0.0, 2.0))
    ledger.started(BOB, 2.8)
    assert ledger.claim(3.2) == (ANN,)
    ledger.stopped(BOB, 5.0)
    assert ledger.claim(6.0) == (BOB,)


def test_two_at_once_are_both_named_the_longer_first() -> None:
    assert _ledger((ANN, 0.0, 2.0), (BOB, 0.5, 4.0)).claim(5.0) == (BOB, ANN)


def test_a_cough_beside_a_sentence_is_no_speaker() -> None:
    assert _ledger((ANN, 0.0, 4.0), (BOB, 1.0, 1.3)).claim(5.0) == (ANN,)


def test_a_short_answer_is() -> None:
    assert _ledger((ANN, 0.0, 0.2)).claim(1.0) == (ANN,)


def test_a_line_while_its_speaker_goes_on() -> None:
    ledger = SpeakerAttribution()
    ledger.started(ANN, 0.0)
    assert ledger.claim(4.0) == (ANN,)


def test_speech_that_brought_no_line_is_forgotten() -> None:
    ledger = _ledger((CYD, 0.0, 1.0))
    ledger.started(ANN, FORGET_AFTER + 2)
    ledger.stopped(ANN, FORGET_AFTER + 4)
    assert ledger.claim(FORGET_AFTER + 5) == (ANN,)


def test_nobody_was_heard() -> None:
    assert SpeakerAttribution().claim(1.0) == ()


def test_a_stop_without_a_start_is_nothing() -> None:
    ledger = SpeakerAttribution()
    ledger.stopped(ANN, 1.0)
    assert ledger.claim(2.0) == ()


def test_a_second_line_of_a_turn_is_not_given_to_whoever_speaks_by_then() -> None:
    """The recogniser cuts at shorter pauses than we do: Ann's one turn brings two lines, and Bob answers in between."""
    ledger = _ledger((ANN, 0.0, 3.0))
    assert ledger.claim(3.6) == (ANN,)
    ledger.started(BOB, 3.8)
    assert set(ledger.claim(4.4)) == {ANN, BOB}  # it may be either's
    ledger.stopped(BOB, 6.0)
    assert ledger.claim(6.8) == (BOB,)


def test_a_line_long_after_the_last_one_is_the_speakers_own() -> None:
    ledger = _ledger((ANN, 0.0, 3.0))
    assert ledger.claim(3.6) == (ANN,)
    ledger.started(BOB, 7.0)
    assert ledger.claim(9.0) == (BOB,)


def test_the_first_line_of_someone_who_goes_on_is_not_given_to_the_long_talker_before() -> None:
    ledger = _ledger((ANN, 0.0, 10.0))
    assert ledger.claim(10.5) == (ANN,)
    ledger.started(BOB, 10.6)
    assert set(ledger.claim(12.1)) == {ANN, BOB}  # a second and a half beside ten is not minor: it is another turn


def test_speech_that_has_brought_its_line_does_not_bring_the_next_one() -> None:
    """Ann's line is there before our own detector has seen her fall silent; Bob answers at once, and briefly."""
    ledger = SpeakerAttribution()
    ledger.started(ANN, 0.0)
    assert ledger.claim(1.5) == (ANN,)
    ledger.stopped(ANN, 1.6)
    ledger.started(BOB, 1.7)
    ledger.stopped(BOB, 2.2)
    assert ledger.claim(5.0) == (BOB,)


def test_a_second_line_right_behind_one_that_came_early_is_the_same_speakers() -> None:
    ledger = SpeakerAttribution()
    ledger.started(ANN, 0.0)
    assert ledger.claim(1.5) == (ANN,)
    ledger.stopped(ANN, 1.6)
    assert ledger.claim(2.0) == (ANN,)


def test_someone_who_goes_on_after_a_line_is_the_speaker_of_the_next() -> None:
    ledger = SpeakerAttribution()
    ledger.started(ANN, 0.0)
    assert ledger.claim(4.0) == (ANN,)
    ledger.stopped(ANN, 9.0)
    assert ledger.claim(9.5) == (ANN,)

"""How long an answer took, and where."""

import pytest

from bot.call.speaker_attribution import HANGOVER
from bot.call.turns import MAX_ANSWER, MAX_TURNS, Turn, Turns

ANN, BOB = 7, 8


class Talk:
    """A conversation; times are in seconds, and silence is found out `HANGOVER` later."""

    def __init__(self) -> None:
        self.turns = Turns()

    def says(self, begin: float, end: float, who: int = ANN, delay: float = 0.06) -> None:
        self.turns.on_speaking(who, True, begin, delay)
        self.turns.on_speaking(who, False, end + HANGOVER, delay)

    def answers(self, at: float, heard: float = 0.05) -> Turn | None:
        turn = self.turns.on_voicebot(True, at, at + heard)
        self.turns.on_voicebot(False, at, at + heard)
        return turn


def test_an_answer_is_measured_from_the_last_word() -> None:
    talk = Talk()
    talk.says(1.0, 3.0)
    talk.turns.on_line(3.4)
    turn = talk.answers(4.0)
    assert turn is not None
    assert (turn.carried_in, turn.line, turn.voice, turn.heard) == pytest.approx((0.06, 0.4, 1.0, 1.05))
    assert turn.provider == pytest.approx(1.0)
    assert turn.ours == pytest.approx(0.06 + 0.05)
    assert turn.total == pytest.approx(1.11)
    assert talk.turns.recent == (turn,)


def test_the_answer_may_come_before_its_line() -> None:
    talk = Talk()
    talk.says(1.0, 3.0)
    turn = talk.answers(3.6)
    talk.turns.on_line(3.8)
    assert turn is not None
    assert turn.line is None
    assert talk.turns.recent == (turn,)


def test_a_greeting_answers_nobody() -> None:
    talk = Talk()
    assert talk.answers(1.0) is None
    talk.says(4.0, 5.0)
    assert talk.answers(6.0) is not None
    assert talk.answers(8.0) is None  # what it adds is no answer either
    assert len(talk.turns.recent) == 1


def test_of_several_people_the_last_one_to_fall_silent_counts() -> None:
    talk = Talk()
    talk.turns.on_speaking(ANN, True, 1.0, 0.06)
    talk.turns.on_speaking(BOB, True, 1.5, 0.09)
    talk.turns.on_speaking(ANN, False, 2.0 + HANGOVER, 0.06)
    talk.turns.on_speaking(BOB, False, 3.0 + HANGOVER, 0.09)
    turn = talk.answers(3.5)
    assert turn is not None
    assert (turn.carried_in, turn.voice) == pytest.approx((0.09, 0.5))


def test_who_goes_on_speaking_is_answered_later() -> None:
    talk = Talk()
    talk.says(1.0, 2.0)
    talk.turns.on_line(2.3)
    talk.says(2.5, 3.0)
    turn = talk.answers(3.6)
    assert turn is not None
    assert turn.voice == pytest.approx(0.6)
    assert turn.line is None  # the line was of the words before


def test_a_voicebot_that_begins_while_somebody_speaks_answers_nobody() -> None:
    talk = Talk()
    talk.turns.on_speaking(ANN, True, 1.0, 0.06)
    assert talk.answers(1.5) is None


def test_a_voicebot_that_was_interrupted_may_go_on_and_that_is_no_answer() -> None:
    talk = Talk()
    talk.turns.on_voicebot(True, 1.0, 1.05)
    talk.says(1.2, 1.8)  # a cough
    talk.turns.on_voicebot(False, 1.0, 1.05)
    assert talk.answers(2.6) is None


def test_a_voicebot_that_was_interrupted_and_heard_it_answers() -> None:
    talk = Talk()
    talk.turns.on_voicebot(True, 1.0, 1.05)
    talk.says(1.2, 1.8)
    talk.turns.on_voicebot(False, 1.0, 1.05)
    talk.turns.on_line(2.2)
    turn = talk.answers(2.6)
    assert turn is not None
    assert turn.voice == pytest.approx(0.8)


def test_words_after_a_long_silence_answer_nobody() -> None:
    talk = Talk()
    talk.says(1.0, 2.0)
    assert talk.answers(2.0 + MAX_ANSWER + 1) is None


def test_sound_that_began_before_the_silence_answers_nobody() -> None:
    talk = Talk()
    talk.says(1.0, 3.0)
    assert talk.answers(2.5) is None


def test_a_long_call_keeps_its_last_turns() -> None:
    talk = Talk()
    for number in range(MAX_TURNS + 5):
        talk.says(number * 10.0, number * 10.0 + 1)
        talk.answers(number * 10.0 + 2)
    assert len(talk.turns.recent) == MAX_TURNS

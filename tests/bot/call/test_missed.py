"""What was missed live is found, in order; what was not is not written twice, however it is spelt or cut."""

import random
import time
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call.events import TranscriptLine
from bot.call.missed import MAX_LINES, missed
from bot.provider import Role, StoredMessage

Said = tuple[Role, str]


def _missed(live: Sequence[Said], stored: Sequence[Said]) -> list[str]:
    lines = [TranscriptLine(role, text, True) for role, text in live]
    return [m.text for m in missed(lines, [StoredMessage(role, text) for role, text in stored])]


HELLO: Said = ("user", "Hello there.")
HI: Said = ("voicebot", "Hi! What can I show you?")
VASE: Said = ("user", "The vase, please.")


def test_nothing_was_missed() -> None:
    assert _missed([HELLO, HI, VASE], [HELLO, HI, VASE]) == []


def test_a_gap_is_filled_in_order() -> None:
    assert _missed([VASE], [HELLO, HI, VASE]) == [HELLO[1], HI[1]]


def test_the_same_words_twice_count_twice() -> None:
    assert _missed([HELLO], [HELLO, HELLO]) == [HELLO[1]]


def test_the_same_words_from_the_other_side_are_another_line() -> None:
    assert _missed([("user", "Yes.")], [("user", "Yes."), ("voicebot", "Yes.")]) == ["Yes."]


def test_case_punctuation_and_picture_tags_do_not_matter() -> None:
    assert _missed([("voicebot", "Here it is")], [("voicebot", "here it is! <img>IMG:vase</img>")]) == []


def test_lines_that_were_cut_differently_were_not_missed() -> None:
    live: list[Said] = [("voicebot", "One."), ("voicebot", "Two.")]
    assert _missed(live, [("voicebot", "One. Two.")]) == []
    assert _missed([("voicebot", "One. Two.")], live) == []


def test_interims_do_not_count() -> None:
    interim = TranscriptLine("user", "Hello there.", False)
    assert [m.text for m in missed([interim], [StoredMessage(*HELLO)])] == ["Hello there."]


WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"])


@given(stored=st.lists(WORDS, max_size=20, unique=True), data=st.data())
def test_live_and_missed_together_are_what_was_said(stored: list[str], data: st.DataObject) -> None:
    kept = [word for word in stored if data.draw(st.booleans())]
    found = _missed([("user", word) for word in kept], [("user", word) for word in stored])
    assert found == [word for word in stored if word not in kept]


VIETNAMESE = ["Xin chào bảo tàng.", "Giờ mở cửa là mấy giờ?", "Cảm ơn rất nhiều!"]


def test_unicodes_two_forms_are_one_line() -> None:
    live: list[Said] = [("user", unicodedata.normalize("NFC", line)) for line in VIETNAMESE]
    stored: list[Said] = [("user", unicodedata.normalize("NFD", line)) for line in VIETNAMESE]
    assert _missed(live, stored) == []


def test_other_wordings_are_not_written_a_second_time() -> None:
    live: list[Said] = [("user", "It costs 25 dollars."), HI, ("user", "At 9.")]
    stored: list[Said] = [("user", "It costs twenty five dollars."), HI, ("user", "At nine.")]
    assert _missed(live, stored) == []


def test_of_other_wordings_what_there_is_more_of_was_missed() -> None:
    live: list[Said] = [("voicebot", "Tickets cost 25 dollars."), HI]
    stored: list[Said] = [("voicebot", "Tickets cost twenty-five dollars."), ("voicebot", "We close at six."), HI]
    assert _missed(live, stored) == ["We close at six."]


def test_a_transcript_in_another_order_of_roles_is_complete() -> None:
    assert _missed([HELLO, HI, VASE], [HI, HELLO, VASE]) == []


@pytest.mark.parametrize("lines", [[], [("user", "")], [("user", "...")], [("voicebot", "<img>map</img>")]])
def test_lines_without_words_are_none(lines: list[Said]) -> None:
    assert _missed([], lines) == []


def _one_line_again_and_again() -> tuple[list[str], list[str]]:
    return ["Yes."] * MAX_LINES, ["Yes.", "No."] * (MAX_LINES // 2)


def _nothing_in_common() -> tuple[list[str], list[str]]:
    words = [f"word{number}" for number in range(200)]
    draw = random.Random(5)
    both = [[" ".join(draw.choices(words, k=60)) for _ in range(MAX_LINES)] for _ in range(2)]
    return both[0], both[1]


def _long_lines() -> tuple[list[str], list[str]]:
    return ["a " * 4000] * MAX_LINES, ["<img>" + " " * 8000] * MAX_LINES


@pytest.mark.parametrize("make", [_one_line_again_and_again, _nothing_in_common, _long_lines])
def test_thousands_of_hostile_lines_take_no_more_than_a_moment_of_a_thread(make: object) -> None:
    """It took 36 seconds of the main loop. What a processor needs for it here is under one."""
    live, stored = make()  # type: ignore[operator]
    lines = [TranscriptLine("user", text, True) for text in live]
    messages = [StoredMessage("user", text) for text in stored]
    began = time.thread_time()
    missed(lines, messages)
    assert time.thread_time() - began < 5.0

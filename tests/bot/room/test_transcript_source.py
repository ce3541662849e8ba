"""One transcript out of two sources."""

import pytest

from bot.provider import Role, Utterance
from bot.room.transcript_source import MAX_REMEMBERED, TranscriptSource


def _line(text: str, role: Role = "user", *, final: bool = True, segment: str | None = None) -> Utterance:
    return Utterance(role, text, final, segment)


@pytest.fixture
def transcript() -> TranscriptSource:
    return TranscriptSource()


def test_the_first_source_with_a_final_line_is_the_one(transcript: TranscriptSource) -> None:
    assert transcript.accept("packet", _line("hello")) is not None
    assert transcript.accept("text stream", _line("hello")) is None
    assert transcript.accept("packet", _line("again")) is not None


def test_each_role_has_its_own_source(transcript: TranscriptSource) -> None:
    assert transcript.accept("packet", _line("hello")) is not None
    assert transcript.accept("text stream", _line("hi", "voicebot")) is not None
    assert transcript.accept("packet", _line("hi", "voicebot")) is None


def test_interims_choose_nothing(transcript: TranscriptSource) -> None:
    assert transcript.accept("text stream", _line("hel", final=False)) is not None
    assert transcript.accept("packet", _line("hello")) is not None
    assert transcript.accept("text stream", _line("hello")) is None


def test_a_finished_segment_is_finished(transcript: TranscriptSource) -> None:
    assert transcript.accept("packet", _line("one", segment="s1")) is not None
    assert transcript.accept("packet", _line("one", segment="s1")) is None
    assert transcript.accept("packet", _line("on", segment="s1", final=False)) is None
    assert transcript.accept("packet", _line("two", segment="s2")) is not None


def test_the_same_words_twice_are_two_lines(transcript: TranscriptSource) -> None:
    assert transcript.accept("packet", _line("yes")) is not None
    assert transcript.accept("packet", _line("yes")) is not None


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_said_is_no_line(transcript: TranscriptSource, text: str) -> None:
    assert transcript.accept("packet", _line(text)) is None


def test_white_space_is_folded(transcript: TranscriptSource) -> None:
    line = transcript.accept("packet", _line(" a \n b "))
    assert line is not None
    assert line.text == "a b"


def test_another_agent_numbers_its_segments_anew(transcript: TranscriptSource) -> None:
    assert transcript.accept("text stream", _line("one", segment="1"), "agent-a") is not None
    assert transcript.accept("text stream", _line("two", segment="1"), "agent-b") is not None


def test_an_agent_that_comes_back_under_its_name_does_too(transcript: TranscriptSource) -> None:
    assert transcript.accept("text stream", _line("one", segment="1"), "agent-a") is not None
    transcript.forget("agent-a")
    assert transcript.accept("text stream", _line("two", segment="1"), "agent-a") is not None


def test_a_call_of_any_length_remembers_a_bounded_number(transcript: TranscriptSource) -> None:
    for number in range(3 * MAX_REMEMBERED):
        assert transcript.accept("packet", _line("x", segment=f"{number}")) is not None
    assert transcript.accept("packet", _line("x", segment=f"{3 * MAX_REMEMBERED - 1}")) is None
    assert transcript.accept("packet", _line("x", segment="0")) is not None  # forgotten

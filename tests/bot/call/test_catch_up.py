"""What was missed live is found, in order; what was not is not written twice."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call import catch_up
from bot.call.catch_up import CatchUp, missed
from bot.call.events import TranscriptLine
from bot.errors import ProviderDown
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


class Kept:
    """A provider with stored messages, or none to be had."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers

    async def messages(self, reference: str) -> Sequence[StoredMessage]:
        (answer,) = self.answers
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.sleep(60)
        return list(answer)


async def test_it_reads_what_the_provider_kept() -> None:
    gap = CatchUp()
    gap.note(TranscriptLine(*HI, True))
    gap.begin(Kept([StoredMessage(*HELLO), StoredMessage(*HI)]), "room")  # type: ignore[arg-type]
    assert await gap.missed() == [TranscriptLine(*HELLO, True, late=True)]


@pytest.mark.parametrize("answer", [ProviderDown("HTTP 500"), ValueError("bug"), None])
async def test_without_an_answer_nothing_is_added(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PATIENCE", 0.05)
    gap = CatchUp()
    gap.begin(Kept(answer), "room")  # type: ignore[arg-type]
    assert await gap.missed() == []


async def test_a_call_without_a_session_reads_nothing() -> None:
    assert await CatchUp().missed() == []

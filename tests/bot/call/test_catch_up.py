"""What the provider kept is read once, at the end, with patience."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.call import catch_up
from bot.call.catch_up import CatchUp
from bot.call.events import TranscriptLine
from bot.errors import ProviderDown
from bot.provider import Role, StoredMessage

HELLO: tuple[Role, str] = ("user", "Hello there.")
HI: tuple[Role, str] = ("voicebot", "Hi! What can I show you?")


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
    monkeypatch.setattr(catch_up, "CATCH_UP_TIMEOUT", 0.05)
    gap = CatchUp()
    gap.begin(Kept(answer), "room")  # type: ignore[arg-type]
    assert await gap.missed() == []


async def test_a_call_without_a_session_reads_nothing() -> None:
    assert await CatchUp().missed() == []

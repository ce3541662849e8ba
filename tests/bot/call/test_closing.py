"""Ending is a loop: every failure is followed by another try."""

import asyncio
import logging

import pytest

from bot.call import closing
from bot.errors import KeyRejected, NotAllowed, ProviderDown, ProviderError, RateLimited
from bot.provider import SessionEnd


class Stubborn:
    """A provider's end that fails in given ways before it succeeds."""

    def __init__(self, *failures: ProviderError) -> None:
        self.failures = list(failures)
        self.attempts = 0

    async def end_session(self, reference: str) -> SessionEnd:
        assert reference == "room"
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return SessionEnd()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, not waited for."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    return waits


async def _end(provider: Stubborn) -> SessionEnd:
    return await closing.end_session(provider, "room")  # type: ignore[arg-type]


async def test_at_once_when_it_works(waits: list[float]) -> None:
    provider = Stubborn()
    assert await _end(provider) == SessionEnd()
    assert provider.attempts == 1
    assert waits == []


async def test_the_waits_grow_to_a_limit(waits: list[float]) -> None:
    provider = Stubborn(*[ProviderDown("HTTP 503")] * 12)
    await _end(provider)
    assert provider.attempts == 13
    assert waits[0] <= closing.FIRST_WAIT
    assert all(wait <= closing.LONGEST_WAIT for wait in waits)
    assert waits[-1] >= closing.LONGEST_WAIT / 2


async def test_the_providers_own_wish_to_wait_is_respected(waits: list[float]) -> None:
    await _end(Stubborn(RateLimited("HTTP 429", retry_after=7.0)))
    assert waits == [7.0]


@pytest.mark.parametrize("error", [KeyRejected("HTTP 401"), NotAllowed("HTTP 403")])
async def test_a_refusal_is_no_end_and_is_said_loudly(
    waits: list[float], caplog: pytest.LogCaptureFixture, error: ProviderError
) -> None:
    provider = Stubborn(error)
    await _end(provider)
    assert provider.attempts == 2
    assert any(record.levelno == logging.ERROR for record in caplog.records)

"""The bot's side of a watchdog that is slow, dumb or short-lived: nothing it cannot have heard counts as opened."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.errors import OutcomeUnknown, ProviderDown
from bot.watchdog import client
from bot.watchdog.client import WatchdogClient
from tests.bot.call.records import record

#: A process that gets the line's descriptor as its last argument, as a watchdog does.
LINE = "import socket, sys, time; line = socket.socket(fileno=int(sys.argv[-1])); "
READY = r"""line.sendall(b'{"kind": "ready"}\n'); """


@asynccontextmanager
async def _client(code: str) -> AsyncIterator[WatchdogClient]:
    watchdog = WatchdogClient([sys.executable, "-c", LINE + code], lambda _: 10.0)
    await watchdog.start()
    try:
        yield watchdog
    finally:
        await watchdog.stop()


async def test_a_wish_waits_for_one_that_is_starting_and_so_does_the_next() -> None:
    async with _client(f"time.sleep(0.5); {READY} line.recv(1)") as watchdog:
        with pytest.raises(OutcomeUnknown, match="died"):  # it heard the wish, and went away
            await watchdog.open(record(), "Ann")
        assert await watchdog.ready()  # the next one


@pytest.mark.parametrize("code", ["line.recv(1)", "sys.exit(1)"], ids=["dumb", "dies at once"])
async def test_what_one_that_never_came_up_was_not_told_is_not_open(code: str, shorten: Callable[[], None]) -> None:
    shorten()
    async with _client(code) as watchdog:
        assert not await watchdog.ready()
        with pytest.raises(ProviderDown, match="not ready"):
            await watchdog.open(record(), "Ann")


@pytest.fixture
def shorten(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def apply() -> None:
        monkeypatch.setattr(client, "READY_WAIT", 0.3)

    return apply

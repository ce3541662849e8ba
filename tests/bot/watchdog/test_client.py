"""The bot's side of a watchdog that is slow, dumb or short-lived: nothing it cannot have heard counts as opened."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import __version__
from bot.errors import OutcomeUnknown, ProviderDown
from bot.recorder.exchanges import Exchange, observer
from bot.watchdog import client
from bot.watchdog.client import WatchdogClient, command
from tests.bot.billing.records import record

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
        monkeypatch.setattr(client, "READY_TIMEOUT", 0.3)

    return apply


#: What a folder may hold that has nothing to do with Parley: each would be imported in place of the real one.
BYSTANDERS = ("bot.py", "token.py", "discord.py", "logging.py", "plugins/__init__.py")


def test_what_lies_in_the_working_folder_is_not_run(tmp_path: Path) -> None:
    """It would be, again and again, with all secrets in its environment."""
    for name in BYSTANDERS:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"import pathlib; pathlib.Path({str(tmp_path)!r}, 'was-run').touch(); raise SystemExit(7)")
    started = [*command("config.yaml", 1)[:5], "--version"]
    answer = subprocess.run(started, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (answer.returncode, answer.stdout) == (0, f"parley {__version__}\n"), answer.stderr
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(("pid", "waits"), [(1, True), (4321, False)])
async def test_the_first_process_of_a_container_stays_until_the_watchdog_is_done(
    monkeypatch: pytest.MonkeyPatch, pid: int, waits: bool
) -> None:
    """With it all others are killed: a session that is not ended yet would be billed on."""
    monkeypatch.setattr("os.getpid", lambda: pid)
    monkeypatch.setattr(client, "FAREWELL_TIMEOUT", 0.1)
    watchdog = WatchdogClient([sys.executable, "-c", "import sys; sys.stdin.read()"], lambda _: 1.0)
    monkeypatch.setattr("subprocess.DEVNULL", subprocess.PIPE)
    await watchdog.start()
    process = watchdog._process
    assert process is not None
    assert process.stdin is not None
    stopping = asyncio.create_task(watchdog.stop())
    await asyncio.wait({stopping}, timeout=0.5)
    assert stopping.done() != waits
    process.stdin.close()  # it has ended what was open
    await stopping
    process.returncode = None
    assert process.wait(10) == 0


ANSWERS = r"""
import json
for request in line.makefile():
    asked = json.loads(request)
    exchange = {"method": "POST", "host": "api.example", "path": "/session", "status": 201}
    session = {"reference": "r", "room_url": "wss://r", "room_token": "t"}
    answer = {"kind": "opened", "number": asked["number"], "session": session}
    answer["exchanges"] = [exchange] * asked["observed"]
    line.sendall(json.dumps(answer).encode() + b"\n")
"""


async def test_the_requests_that_it_made_are_reported_to_the_call_that_asked() -> None:
    seen: dict[str, list[Exchange]] = {"first": [], "second": []}

    async def ask(name: str) -> None:
        observer.set(seen[name].append)
        await watchdog.open(record(name), "Ann")

    async with _client(READY.strip() + "\n" + ANSWERS.strip()) as watchdog:
        await asyncio.gather(asyncio.create_task(ask("first")), asyncio.create_task(ask("second")))
        await asyncio.create_task(watchdog.open(record("third"), "Ann"))
    assert [[one.status for one in found] for found in seen.values()] == [[201], [201]]

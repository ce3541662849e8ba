"""Accidents that meet each other: a death in the middle of a request, a frozen watchdog, a disk that fills and empties.

As in `test_money`, asserted at the provider's meter.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from sandbox.stage import Place
from sandbox.valsea.faults import Fault
from sandbox.valsea.session import Session
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually

UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
async def bot(impatient_bot: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot of its own for a test that maltreats it, with a provider that has five seconds to answer."""
    valsea = impatient_bot.stage.valsea
    valsea.faults.clear()
    valsea.send_voicebot = False
    # A watchdog that has just been started needs two seconds on a busy machine.
    settings = {"base_url": valsea.url, "timeout": 5}
    bot = await start_bot(impatient_bot.stage, development=False, voicebot_arrival=600, plugins={"valsea": settings})
    yield bot
    valsea.faults.clear()
    valsea.send_voicebot = True
    await bot.process.kill()


async def watchdogs(bot: RunningBot) -> list[int]:
    """Process ids."""
    finder = await asyncio.create_subprocess_exec(
        "pgrep", "-f", f"watchdog {bot.process.config_file}", stdout=asyncio.subprocess.PIPE
    )
    found, _ = await finder.communicate()
    return [int(word) for word in found.split()]


def fill_disk(bot: RunningBot, limit: int = 0) -> None:
    """No file of the bot can grow any more: as on a full disk, every write fails."""
    assert bot.process.process is not None
    resource.prlimit(bot.process.process.pid, resource.RLIMIT_FSIZE, (limit, UNLIMITED))


def states(bot: RunningBot) -> list[tuple[str, int | None]]:
    """State and billed minutes of every session in the ledger."""
    with contextlib.closing(sqlite3.connect(bot.process.ledger)) as ledger:
        return list(ledger.execute("SELECT state, billed_minutes FROM sessions ORDER BY intended_at"))


def titles(bot: RunningBot, place: Place) -> list[str]:
    """Of all embeds in the channel."""
    return [embed.get("title") or "" for post in bot.posts(place) for embed in post["embeds"]]


async def test_killed_and_back_before_the_provider_answers(bot: RunningBot) -> None:
    """The new bot knows nothing of it, and the old watchdog has nobody left to pass the answer to."""
    place = bot.place()
    bot.plan(Fault("open", delay=1.8, when="after"))
    session = await bot.request_session(place)
    await bot.process.kill()
    await bot.process.run()
    await eventually(lambda: not bot.bills(session), 10, bot.log()[-2000:])
    await eventually(lambda: len(bot.receipts(place)) == 1, 20)
    await eventually(lambda: states(bot) == [("closed", 1)])
    await asyncio.sleep(1)
    assert len(bot.receipts(place)) == 1
    assert titles(bot, place) == ["Call with Museum Guide ended"]


async def test_a_session_with_thousands_of_pictures(ordinary_bot: RunningBot) -> None:
    """Two megabytes of addresses go from the provider through the watchdog to the bot."""
    bot = ordinary_bot
    place = bot.place()
    pictures = {f"picture {n}": f"https://pictures.example/{n}/{'x' * 600}.png" for n in range(3000)}
    bot.stage.valsea.more_images = pictures
    try:
        session = await bot.start_call(place, arrived=False)
    finally:
        bot.stage.valsea.more_images = {}
    assert "live" in await bot.command(place, place.people[0], "voicebot status")
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_the_watchdog_dies_in_the_middle_of_a_request(bot: RunningBot) -> None:
    """What it would have been told nobody will ever know: that is said, and does not count as a running call."""
    place = bot.place()
    bot.plan(Fault("open", delay=1.5, when="after"))
    for person in place.people:
        await person.join(place.guild_id, place.voice_id)
    joining = asyncio.create_task(bot.command(place, place.people[0], "voicebot join"))
    await eventually(lambda: len(bot.organisation.meters) == 1, 20)
    for pid in await watchdogs(bot):
        os.kill(pid, signal.SIGKILL)
    assert "may be open all the same" in await joining
    await eventually(lambda: states(bot) == [("unknown", 1)], 30)
    await eventually(lambda: titles(bot, place) == ["Call with Voicebot was not started"], 30)
    await eventually(lambda: "repairing itself" not in _last_log(bot), 10)
    session = await bot.start_call(place, arrived=False)
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


def _last_log(bot: RunningBot) -> str:
    return bot.log()[-300:]


async def _start_with_another_watchdog(bot: RunningBot, place: Place) -> Session:
    """Ask again, as the reply tells people to, for as long as a busy machine needs to start another one."""
    (ann,) = place.people
    reply = "repairing itself"
    async with asyncio.timeout(60):
        while "repairing itself" in reply:
            reply = await bot.command(place, ann, "voicebot join")
    sessions = [s for s in bot.stage.valsea.sessions.values() if s.organisation is bot.organisation]
    assert len(sessions) == 1, reply
    return sessions[0]


@pytest.fixture
async def orphan(impatient_bot: RunningBot) -> AsyncIterator[tuple[RunningBot, Any, Place]]:
    """A bot that was killed with a session open, and no watchdog."""
    impatient_bot.stage.valsea.faults.clear()
    impatient_bot.stage.valsea.send_voicebot = False
    bot = await start_bot(impatient_bot.stage, development=False, ledger={"watchdog": False})
    place = bot.place()
    session = await bot.start_call(place, arrived=False)
    await bot.process.kill()
    assert bot.bills(session)
    yield bot, session, place
    impatient_bot.stage.valsea.send_voicebot = True
    await bot.process.kill()


async def on_a_full_disk(bot: RunningBot, *arguments: str) -> tuple[int, str]:
    """Run `parley` where no file can grow; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *("prlimit", "--fsize=0", sys.executable, "-m", "bot", *arguments),
        env={**os.environ, "DISCORD_TOKEN": bot.account.token, "VALSEA_API_KEY": bot.key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_a_start_on_a_full_disk_is_refused_and_ends_what_is_open(orphan: tuple[RunningBot, Any, Place]) -> None:
    bot, session, _ = orphan
    code, printed = await on_a_full_disk(bot, "run", str(bot.process.config_file))
    assert code == 1
    assert "Traceback" not in printed
    assert "cannot be used" in printed
    assert "disk" in printed
    assert not bot.bills(session)


async def test_the_operator_can_end_a_session_on_a_full_disk(orphan: tuple[RunningBot, Any, Place]) -> None:
    bot, session, _ = orphan
    code, printed = await on_a_full_disk(bot, "sessions", "list", "--config", str(bot.process.config_file))
    assert code == 0
    assert "open" in printed
    code, printed = await on_a_full_disk(bot, "sessions", "end", "--all", "--config", str(bot.process.config_file))
    assert (code, bot.bills(session)) == (0, False), printed


async def test_a_discord_that_does_not_answer_keeps_nothing_open(orphan: tuple[RunningBot, Any, Place]) -> None:
    """What an earlier run left open is ended before anybody is asked for anything else."""
    bot, session, _ = orphan
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    config = yaml.safe_load(bot.process.config_file.read_text())
    network = config["network"]
    network["connect_to"] = dict.fromkeys(network["connect_to"], f"127.0.0.1:{port}")
    bot.process.config_file.write_text(yaml.safe_dump(config))
    await bot.process.run(ready=False)
    await eventually(lambda: not bot.bills(session), 10, bot.log()[-2000:])
    assert await bot.process.stop() == 0
    for writer in connections:
        writer.close()
    silent.close()


async def test_a_disk_that_fills_in_mid_call_and_is_emptied_later(bot: RunningBot) -> None:
    """One receipt, also after a restart, and no minute more than the call cost."""
    place = bot.place()
    session = await bot.start_call(place, arrived=False)
    fill_disk(bot)
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert states(bot) == [("open", None)]
    fill_disk(bot, UNLIMITED)
    await eventually(lambda: states(bot) == [("closed", 1)], 20)
    await bot.process.stop()
    bot.stage.discord.rest.nonce_memory = 0.0  # what Discord itself remembers must not be what saves us
    try:
        await bot.process.run()
        await asyncio.sleep(2)
    finally:
        bot.stage.discord.rest.nonce_memory = 180.0
    assert len(bot.receipts(place)) == 1
    assert bot.requests_to("DELETE", session) == 1

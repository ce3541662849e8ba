"""Nobody pays for a call that is over: crashes, freezes, lost answers, dead disks. Asserted at the provider's meter."""

import asyncio
import contextlib
import resource
import sqlite3
import time
from collections.abc import AsyncIterator

import pytest

from sandbox.valsea.faults import Fault
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually

#: Seconds from a bot's death to the end of its session: the watchdog's poll, a DELETE, and a slow machine.
WATCHDOG_BOUND = 4.0


@pytest.fixture
async def bot(impatient_bot: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot of its own for a test that ends it."""
    impatient_bot.stage.valsea.faults.clear()
    impatient_bot.stage.valsea.send_voicebot = True
    bot = await start_bot(impatient_bot.stage, development=False, ledger={"heartbeat_limit": 2})
    yield bot
    impatient_bot.stage.valsea.faults.clear()
    await bot.process.kill()


async def _ended_by_the_watchdog(bot: RunningBot) -> None:
    await eventually(lambda: bot.organisation.running() == [], WATCHDOG_BOUND, "the watchdog did not end it")


async def test_killed_and_not_restarted_the_watchdog_ends_it(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    await bot.process.kill()
    await _ended_by_the_watchdog(bot)
    assert bot.requests_to("DELETE", session) == 1


async def test_after_a_crash_the_receipt_comes_once_and_says_so(bot: RunningBot) -> None:
    place = bot.place()
    await bot.start_call(place)
    await bot.process.kill()
    await _ended_by_the_watchdog(bot)
    await bot.process.run()
    await eventually(lambda: len(bot.receipts(place)) == 1)
    assert "its watchdog ended it" in bot.receipts(place)[0]
    await bot.process.stop()
    await bot.process.run()
    await asyncio.sleep(1)
    assert len(bot.receipts(place)) == 1


async def test_killed_between_posting_a_receipt_and_remembering_it(bot: RunningBot) -> None:
    """Discord has forgotten the nonce by the time the bot is back: the channel itself is read."""
    place = bot.place()
    session = await bot.start_call(place)
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    await bot.process.kill()
    with contextlib.closing(sqlite3.connect(bot.process.ledger, isolation_level=None)) as ledger:
        ledger.execute("UPDATE sessions SET announced_at = NULL")
    memory, bot.stage.discord.rest.nonce_memory = bot.stage.discord.rest.nonce_memory, 0.0
    try:
        await bot.process.run()
        await eventually(lambda: _announced(bot), 15)
    finally:
        bot.stage.discord.rest.nonce_memory = memory
    assert len(bot.receipts(place)) == 1


def _announced(bot: RunningBot) -> bool:
    with contextlib.closing(sqlite3.connect(bot.process.ledger)) as ledger:
        (due,) = ledger.execute("SELECT COUNT(*) FROM sessions WHERE announced_at IS NULL").fetchone()
    return int(due) == 0


async def test_without_a_watchdog_the_next_start_ends_it(impatient_bot: RunningBot) -> None:
    bot = await start_bot(impatient_bot.stage, development=False, ledger={"watchdog": False})
    place = bot.place()
    session = await bot.start_call(place)
    await bot.process.kill()
    await asyncio.sleep(1.5)
    assert bot.bills(session)
    began = time.monotonic()
    await bot.process.run(ready=False)
    await eventually(lambda: not bot.bills(session), 10)
    assert time.monotonic() - began < 10
    await eventually(lambda: len(bot.receipts(place)) == 1)
    assert "found it open" in bot.receipts(place)[0]
    assert bot.requests_to("DELETE", session) == 1
    await bot.process.stop()


async def test_a_frozen_bot_is_a_dead_bot(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    bot.process.freeze()
    try:
        await eventually(lambda: not bot.bills(session), 2 + WATCHDOG_BOUND)
    finally:
        bot.process.thaw()
    # It wakes up to a session that is over, and ends its call in peace.
    await eventually(lambda: len(bot.receipts(place)) == 1)
    assert "Just talk" in await bot.command(place, place.people[0], "voicebot join")
    await bot.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: len(bot.receipts(place)) == 2)


async def test_killed_while_the_answer_to_the_post_is_on_its_way(bot: RunningBot) -> None:
    """The bot never learns the session's name; its watchdog does."""
    place = bot.place()
    bot.plan(Fault("open", delay=1.0, when="after"))
    session = await bot.request_session(place)
    await bot.process.kill()
    await eventually(lambda: not bot.bills(session), 1 + WATCHDOG_BOUND)
    await bot.process.run()
    await eventually(lambda: len(bot.receipts(place)) == 1)


async def test_a_post_that_is_answered_too_late(ordinary_bot: RunningBot) -> None:
    """Nobody waits that long; but the answer is read, and what it names is ended."""
    bot = ordinary_bot
    place = await bot.place_with(plugins={"valsea": {"timeout": 1}})
    bot.plan(Fault("open", delay=2.5, when="after"))
    await place.people[0].join(place.guild_id, place.voice_id)
    reply = await bot.command(place, place.people[0], "voicebot join")
    assert "does not answer" in reply
    assert "did not try again" in reply
    await eventually(lambda: bot.running == [], 10)
    assert len(bot.opened) == 1


async def test_a_post_whose_answer_is_lost_is_not_repeated(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    bot.plan(Fault("open", drop=True, when="after"))
    await place.people[0].join(place.guild_id, place.voice_id)
    assert "check the usage" in await bot.command(place, place.people[0], "voicebot join")
    assert len(bot.opened) == 1
    code, printed = await bot.process.parley("sessions", "list")
    assert code == 0
    assert "unknown" in printed
    # What nobody can end is still said to everyone.
    await eventually(lambda: any("was not started" in str(p["embeds"]) for p in bot.posts(place)), 25)
    for room in bot.running:  # as its owner would, in the provider's dashboard
        bot.organisation.close(room, 0.0)


async def test_a_provider_that_is_down_leaves_no_voice_behind(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    bot.plan(Fault("open", status=503))
    await place.people[0].join(place.guild_id, place.voice_id)
    assert "problem of its own" in await bot.command(place, place.people[0], "voicebot join")
    world = bot.stage.discord.world
    await eventually(lambda: world.voice_channel_of(place.guild_id, bot.account.user_id) is None)
    assert bot.opened == []
    assert bot.receipts(place) == []


async def test_a_stopped_bot_leaves_what_it_cannot_end_to_the_watchdog(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    bot.plan(Fault("end", status=503, times=1000))
    assert await bot.process.stop(timeout=10) == 0
    assert bot.bills(session)
    assert "may still be open and billed" in bot.log()
    assert any("may still be billing" in post["content"] for post in bot.posts(place))
    assert bot.receipts(place) == []
    bot.stage.valsea.faults.clear()
    # The back-off has grown meanwhile.
    await eventually(lambda: not bot.bills(session), 25)
    await bot.process.run()
    await eventually(lambda: len(bot.receipts(place)) == 1)
    assert "being restarted" in bot.receipts(place)[0]


async def test_a_second_sigterm_does_not_skip_the_end(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    bot.plan(Fault("end", delay=1.0))
    assert bot.process.process is not None
    bot.process.process.terminate()
    await asyncio.sleep(0.3)
    bot.process.process.terminate()
    assert await bot.process.process.wait() == 0
    assert not bot.bills(session)
    assert len(bot.receipts(place)) == 1


async def test_a_key_that_is_refused_is_said_loudly_and_is_no_end(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    already = len(bot.log())
    session = await bot.start_call(place)
    bot.plan(Fault("end", status=401))
    bot.plan(Fault("end", html=True))
    await bot.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: not bot.bills(session), 10)
    complaints = [
        line for line in bot.log()[already:].splitlines() if "ERROR" in line and "still open and billed" in line
    ]
    assert len(complaints) == 2
    assert "VALSEA_API_KEY" in complaints[0]
    assert "web page" in complaints[1]


async def test_the_watchdog_is_replaced_when_it_dies(bot: RunningBot) -> None:
    place = bot.place()
    await _kill_watchdog(bot)
    await eventually(lambda: "starting another" in bot.log())
    await asyncio.sleep(1.2)
    await bot.start_call(place)
    await bot.process.kill()
    await _ended_by_the_watchdog(bot)


async def test_bot_and_watchdog_killed_the_next_start_ends_it(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    bot.process.freeze()  # else it would start another
    await _kill_watchdog(bot)
    await bot.process.kill()
    await asyncio.sleep(1.5)
    assert bot.bills(session)
    await bot.process.run()
    assert not bot.bills(session)
    await eventually(lambda: len(bot.receipts(place)) == 1)


async def _kill_watchdog(bot: RunningBot) -> None:
    killer = await asyncio.create_subprocess_exec("pkill", "-KILL", "-f", f"watchdog {bot.process.config_file}")
    assert await killer.wait() == 0


async def test_the_operator_ends_a_session(bot: RunningBot) -> None:
    place = bot.place()
    session = await bot.start_call(place)
    _, printed = await bot.process.parley("sessions", "list")
    identifier = printed.splitlines()[1].split()[0]
    assert "open" in printed
    code, printed = await bot.process.parley("sessions", "end", identifier)
    assert (code, "ended, about 1 billed minute" in printed) == (0, True), f"{identifier}: {printed}"
    assert not bot.bills(session)
    await eventually(lambda: len(bot.receipts(place)) == 1, 15)
    assert "operator ended it" in bot.receipts(place)[0]
    assert (await bot.process.parley("sessions", "list"))[1].strip() == "No session is open."
    assert (await bot.process.parley("sessions", "end", "nonsense"))[0] == 1


async def test_the_operator_ends_all_with_the_bot_stopped(impatient_bot: RunningBot) -> None:
    bot = await start_bot(impatient_bot.stage, development=False, ledger={"watchdog": False})
    places = [bot.place("Ann"), bot.place("Bob")]
    for place in places:
        await bot.start_call(place)
    await bot.process.kill()
    assert len(bot.organisation.running()) == 2
    code, printed = await bot.process.parley("sessions", "end", "--all")
    assert (code, printed.count("ended, about")) == (0, 2)
    assert bot.organisation.running() == []


# -- the disk ---------------------------------------------------------------------------------------------------------


async def test_a_corrupt_ledger_refuses_the_start(bot: RunningBot) -> None:
    await bot.process.stop()
    bot.process.ledger.write_bytes(b"scribble" * 1000)
    for suffix in ("-wal", "-shm"):
        bot.process.ledger.with_name(bot.process.ledger.name + suffix).unlink(missing_ok=True)
    with pytest.raises(RuntimeError, match=r"(?s)the bot ended with 1.*not a database; move it away") as error:
        await bot.process.run()
    assert "Traceback" not in str(error.value)


async def test_a_second_bot_on_the_same_ledger_is_refused(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    other = bot.stage.bot(bot.stage.account("Other"), bot.key)
    with pytest.raises(RuntimeError, match=r"another Parley .* uses the same ledger"):
        await other.start(bot.stage.config(ledger={"file": str(bot.process.ledger)}))


async def test_a_locked_ledger_refuses_the_call_before_it_costs_anything(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    holder = sqlite3.connect(bot.process.ledger, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert "cannot record what calls cost" in await bot.command(place, place.people[0], "voicebot join")
    finally:
        holder.close()
    assert bot.opened == []


async def test_a_full_disk_in_mid_call_ends_nothing_and_keeps_nothing_open(bot: RunningBot) -> None:
    """No file of the bot can grow any more: as on a full disk, every write fails."""
    place = bot.place()
    session = await bot.start_call(place)
    assert bot.process.process is not None
    resource.prlimit(bot.process.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    await asyncio.sleep(1)
    assert "live" in await bot.command(place, place.people[0], "voicebot status")
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_a_full_disk_for_the_watchdog_too(bot: RunningBot) -> None:
    """It cannot write down that it ended the session, and does not end it again and again."""
    place = bot.place()
    session = await bot.start_call(place)
    assert bot.process.process is not None
    for pid in (bot.process.process.pid, await _watchdog_pid(bot)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    await bot.process.kill()
    await _ended_by_the_watchdog(bot)
    await asyncio.sleep(1.5)
    assert bot.requests_to("DELETE", session) == 1


async def _watchdog_pid(bot: RunningBot) -> int:
    finder = await asyncio.create_subprocess_exec(
        "pgrep", "-f", f"watchdog {bot.process.config_file}", stdout=asyncio.subprocess.PIPE
    )
    found, _ = await finder.communicate()
    return int(found.split()[0])


async def test_sigterm_while_the_answer_to_the_post_is_on_its_way(bot: RunningBot) -> None:
    place = bot.place()
    bot.plan(Fault("open", delay=12.0, when="after"))
    session = await bot.request_session(place)
    assert await bot.process.stop(timeout=12) == 0
    await eventually(lambda: not bot.bills(session), 14)


async def test_a_full_disk_in_mid_call_and_a_crash(bot: RunningBot) -> None:
    place = bot.place()
    await bot.start_call(place)
    assert bot.process.process is not None
    resource.prlimit(bot.process.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    await bot.process.kill()
    await _ended_by_the_watchdog(bot)

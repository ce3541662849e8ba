"""Kills a bot with SIGKILL at seeded moments of joining, talking, leaving and reconnecting, and looks at the meter.

    python -m tests.chaos [--kills 200] [--seed 1]

After each kill: no session bills beyond the bound, none was opened twice, and each has exactly one receipt. In some
joins the provider takes a second to answer, and in some kills the watchdog dies with the bot, which is then started
again. Each kill has a server and a call of its own.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field

from sandbox.ending import end_process
from sandbox.stage import Place, Stage
from sandbox.valsea.faults import Fault
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually

#: Seconds until nothing may be billed any more: from the kill, with a watchdog half a second for its next look and the
#: DELETE (docs/money.md), or from the start of the next bot. What comes on top is this machine, which runs everything.
BOUND = 4.0
SLOW = 1.0  # seconds of a provider that is slow to answer the POST
PHASES = ("join", "live", "leave", "reconnect")
#: How long a join and a leave take here, in seconds: the moments are drawn from a little more.
JOIN_TIME, LEAVE_TIME, LIVE_TIME = 0.5, 0.3, 0.5


@dataclass(slots=True)
class Tally:
    """What was found, over all kills."""

    kills: int = 0
    sessions: int = 0
    restarts: int = 0
    watchdogs: int = 0
    slow: int = 0
    receipts: dict[str, tuple[Place, int]] = field(default_factory=dict)  # what was done -> where, and how many are due
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.restarts} with a restart at once, {self.watchdogs} with their watchdog, "
            f"{self.slow} of a request in flight; {self.sessions} sessions were opened\n"
            f"still billed after {BOUND:g} s, opened twice, or without exactly one receipt: {len(self.problems)}\n"
            f"slowest end after a kill: {self.slowest:.2f} s"
        )


async def run(stage: Stage, kills: int, seed: int) -> Tally:
    """Kill a bot so many times; the stage needs no voicebot."""
    tally = Tally()
    random_ = random.Random(seed)
    bot = await start_bot(stage, development=False)
    for number in range(kills):
        phase = PHASES[number % len(PHASES)]
        await _kill(stage, bot, f"kill {number}", phase, random_, tally)
    for what, (place, due) in tally.receipts.items():  # a second one may have come long after the first
        if len(bot.receipts(place)) != due:
            tally.problems.append(f"{what}: {len(bot.receipts(place))} receipts for {due} sessions at the end")
    await bot.process.stop()
    return tally


async def _kill(stage: Stage, bot: RunningBot, name: str, phase: str, random_: random.Random, tally: Tally) -> None:
    place = bot.place()
    ann = place.people[0]
    await ann.join(place.guild_id, place.voice_id)
    meters = bot.organisation.meters
    before = set(meters)
    moment = random_.random()
    what = f"{name}, {phase} at {moment:.2f}"
    if phase == "join":
        if random_.random() < 0.5:
            tally.slow += 1
            bot.plan(Fault("open", delay=SLOW, when="after"))
        stage.discord.slash(bot.account, place.guild_id, place.text_id, ann.user_id, "voicebot join")
        await asyncio.sleep(JOIN_TIME * moment)
    else:
        await bot.command(place, ann, "voicebot join")
        if phase == "leave":
            stage.discord.slash(bot.account, place.guild_id, place.text_id, ann.user_id, "voicebot leave")
            await asyncio.sleep(LEAVE_TIME * moment)
        elif phase == "reconnect":
            stage.discord.change_voice_server(place.guild_id, bot.account.user_id)
            await asyncio.sleep(LIVE_TIME * moment)
        else:
            await asyncio.sleep(LIVE_TIME * moment)
    # A POST whose answer nobody is left to read cannot be ended by anybody, so a join leaves the watchdog alone.
    both = phase != "join" and random_.random() < 0.3
    if both:
        tally.watchdogs += 1
        await _kill_watchdogs(bot)
    await bot.process.kill()
    killed_at = time.monotonic() + (SLOW if phase == "join" else 0.0)
    said = bot.process.log.stat().st_size
    tally.kills += 1
    # Half of them come back at once, so that the start and the watchdog meet over the same session.
    restart = both or random_.random() < 0.5
    starting = None
    if restart:
        tally.restarts += 1
        starting = asyncio.create_task(bot.process.run())
        if both:  # there is nobody but the next bot to end the session: it counts from its first word
            with contextlib.suppress(AssertionError):
                await eventually(lambda: bot.process.log.stat().st_size > said, 30)
            killed_at = time.monotonic()
    await _await_end(bot, killed_at, tally, what)
    await (starting if starting is not None else bot.process.run())
    opened = [room for room in meters if room not in before]
    tally.sessions += len(opened)
    if len(opened) > 1:
        tally.problems.append(f"{what}: {len(opened)} sessions")
    await _await_receipts(bot, place, len(opened), tally, what)
    tally.receipts[what] = place, len(opened)
    stage.valsea.faults.clear()
    await ann.leave()


async def _kill_watchdogs(bot: RunningBot) -> None:
    finder = await asyncio.create_subprocess_exec(
        "pgrep", "-f", f"watchdog {bot.process.config_file}", stdout=asyncio.subprocess.PIPE
    )
    found, _ = await finder.communicate()
    for pid in found.split():
        os.kill(int(pid), signal.SIGKILL)


async def _await_end(bot: RunningBot, killed_at: float, tally: Tally, what: str) -> None:
    # A request that was on its way opens its session a moment after the kill.
    settled_since = time.monotonic()
    while time.monotonic() - settled_since < 0.5 or time.monotonic() < killed_at:
        if bot.organisation.running():
            settled_since = time.monotonic()
            tally.slowest = max(tally.slowest, settled_since - killed_at)
            if settled_since - killed_at > BOUND:
                tally.problems.append(f"{what}: still billed; {bot.log()[-2000:]}")
                return
        await asyncio.sleep(0.02)


async def _await_receipts(bot: RunningBot, place: Place, expected: int, tally: Tally, what: str) -> None:
    with contextlib.suppress(AssertionError):
        await eventually(lambda: len(bot.receipts(place)) >= expected, 15)
    if len(bot.receipts(place)) != expected:
        tally.problems.append(
            f"{what}: {len(bot.receipts(place))} receipts for {expected} sessions; {bot.log()[-3000:]}"
        )


async def _main(options: argparse.Namespace) -> int:
    async with Stage(voicebots=False) as stage:
        tally = await run(stage, options.kills, options.seed)
    print(f"seed {options.seed}: {tally}")
    for problem in tally.problems:
        print(problem, file=sys.stderr)
    return 1 if tally.problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill a bot again and again, and look at the provider's meter.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    end_process(asyncio.run(_main(parser.parse_args())))

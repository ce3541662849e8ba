"""Many talking calls at once: what each costs beside one alone, and at how many the sound begins to suffer.

In every call a person talks without a pause, which no real call has; the voicebot listens. The people, Discord and the
SFU share the machine's cores with the bot, so the number found here is a floor: it ends where they can keep up no more.
A frame that is due and not there (concealed or dropped), or a beat that is skipped, is an underrun.
"""

import asyncio
import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.discord.model import BotAccount
from sandbox.stage import Place, Stage

from .cpu import cpu_seconds, talking
from .table import Row

COUNTS = (1, 8, 12, 16, 24, 30)
SECONDS = 15.0
WARM_UP = 4.0
ALLOWED = 0.001  # p99.9


@dataclass(frozen=True, slots=True)
class _Load:
    """What so many calls at once cost, and how they sound."""

    calls: int
    share: float  # of a core, all threads of the bot
    machine: float  # cores busy with everything
    underruns: float  # share of all frames


async def run() -> list[Row]:
    """One row for the cost of eight, one for how many."""
    loads = []
    async with Stage(voicebots=False) as stage:
        account = stage.account()
        bot = stage.bot(account, stage.valsea.create_key("bench"))
        await bot.start(stage.config(voicebot_arrival=3600, plugins={"transcript": {"enabled": False}}))
        assert bot.process is not None
        idle = await _share(bot.process.pid)
        for calls in COUNTS:
            try:
                loads.append(await _measure(stage, account, bot.process.pid, calls, idle))
            except TimeoutError:
                print(f"  {calls} people could not join: the sandbox fell behind", file=sys.stderr)
                break
            if loads[-1].underruns > 20 * ALLOWED:
                break
    by_calls = {load.calls: load for load in loads}
    rows = []
    if 8 in by_calls:
        one, eight = by_calls[1].share, by_calls[8].share
        ratio = eight / (8 * one)
        rows.append(
            Row(
                "CPU of 8 talking calls / 8 times one",
                f"{eight * 100:.1f} % of a core",
                f"{one * 100:.1f} % for one",
                f"{ratio:.2f}",
                "≤ 1.1",
                ratio <= 1.1,
            )
        )
    good = [load for load in loads if load.underruns <= ALLOWED]
    most = max((load.calls for load in good), default=0)
    figures = "; ".join(
        f"{load.calls}: {load.underruns * 100:.2f} % underruns, {load.machine:.1f} cores busy" for load in loads
    )
    rows.append(
        Row(
            "Calls talking at once without underruns (p99.9)",
            f"at least {most}",
            figures,
            str(most),
            "≥ 30",
            most >= 30,
        )
    )
    return rows


async def _measure(stage: Stage, account: BotAccount, pid: int, calls: int, idle: float) -> _Load:
    async with contextlib.AsyncExitStack() as stack:
        places = []
        for _ in range(calls):
            place = stage.place(account, "Ann")
            (ann,) = place.people
            await ann.join(place.guild_id, place.voice_id)
            await stage.command(account, place, ann, "voicebot join")
            await stack.enter_async_context(talking(place))
            places.append(place)
        await asyncio.sleep(WARM_UP)
        before, at = await _bad_frames(stage, account, places), cpu_seconds(pid)
        busy = _busy()
        await asyncio.sleep(SECONDS)
        share, machine = (cpu_seconds(pid) - at) / SECONDS - idle, (_busy() - busy) / SECONDS
        bad = await _bad_frames(stage, account, places) - before
    for place in places:
        await stage.command(account, place, place.people[0], "voicebot leave")
        await place.people[0].leave()
    return _Load(calls, share, machine, bad / (calls * SECONDS * 50))


async def _bad_frames(stage: Stage, account: BotAccount, places: list[Place]) -> int:
    """Frames of all calls that were due and not there, so far."""
    bad = 0
    for place in places:
        text = await stage.command(account, place, place.people[0], "voicebot status", details=True)
        frames, beat = (re.findall(rf"^{line}: .*$", text, re.MULTILINE)[0] for line in ("Frames of 20 ms", "Ticks"))
        bad += sum(int(count) for count in re.findall(r"(\d+) (?:dropped|concealed)", frames))
        bad += int(re.findall(r"(\d+) skipped", beat)[0])
        people = [line for line in text.splitlines() if line.startswith("<@")]
        bad += sum(int(count) for line in people for count in re.findall(r"(\d+) concealed", line))
    return bad


async def _share(pid: int) -> float:
    before = cpu_seconds(pid)
    await asyncio.sleep(WARM_UP)
    return (cpu_seconds(pid) - before) / WARM_UP


def _busy() -> float:
    """CPU seconds the machine has spent on anything (Linux)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

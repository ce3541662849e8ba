"""What bad plugins do to a call's sound: one that raises, hangs, leaks tasks, floods the channel, blocks the loop.

The voicebot plays a tone; what is missing of it at the person's ear, in frames of 20 ms, is compared with a call
without such a plugin in the same run. Beside it stands how late the beat came, by `/voicebot status`.
"""

import asyncio
import re
from pathlib import Path

import numpy as np

from sandbox.stage import Stage

from .cpu import voicebot
from .table import Row

SECONDS = 12.0
WAYS = ("", "raises", "hangs", "leaks", "floods", "blocks")
FOLDER = Path(__file__).parents[1] / "tests" / "calls"
LOUD = 500


async def run() -> list[Row]:
    """One row per way of being bad."""
    found = {}
    async with Stage(voicebots=False) as stage:
        for way in WAYS:
            found[way] = await _one(stage, way)
    base, base_beat = found.pop("")
    rows = []
    for way, (missing, beat) in found.items():
        rows.append(
            Row(
                f"Frames missing at the ear while a plugin {way}, of {SECONDS:.0f} s of sound",
                f"{missing}, beat p99 {beat} ms late",
                f"without it: {base}, beat p99 {base_beat} ms late",
                f"{missing - base} more",
                "≤ 2 more",
                missing - base <= 2,
            )
        )
    return rows


async def _one(stage: Stage, way: str) -> tuple[int, float]:
    """Frames without sound in the middle of a tone, and the beat's lateness in ms."""
    account = stage.account()
    bot = stage.bot(account, stage.valsea.create_key(f"bench {way}"))
    plugins = {"nasty": {"way": way}}
    config = stage.config(voicebot_arrival=3600, interrupt="nobody", plugins=plugins)
    await bot.start({**config, "plugin_folders": [str(FOLDER)]})
    place = stage.place(account, "Ann")
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    await stage.command(account, place, ann, "voicebot join")
    session = list(stage.valsea.sessions.values())[-1]
    async with voicebot(stage, session, talking=True):
        await asyncio.sleep(2)
        ann.ear.clear()
        talking = asyncio.create_task(ann.say(_murmur(SECONDS)))
        await asyncio.sleep(SECONDS)
        heard = ann.ear.recording(account.user_id)
        told = await stage.command(account, place, ann, "voicebot status", details=True)
        await talking
    await stage.command(account, place, ann, "voicebot leave")
    await bot.stop()
    frames = heard[: len(heard) // 960 * 960].reshape(-1, 960)
    loud = int((np.abs(frames).max(axis=1) >= LOUD).sum())
    beat = re.findall(r"within ([\d.]+) ms", told)
    return max(0, round(SECONDS * 50) - loud), float(beat[0]) if beat else -1.0


def _murmur(seconds: float) -> np.ndarray:
    """Somebody who starts and stops, so that hooks are called all the time."""
    time = np.arange(int(48_000 * seconds)) / 48_000
    on = np.sin(2 * np.pi * 0.7 * time) > 0
    return (np.sin(2 * np.pi * 180 * time) * 5000 * on).astype(np.int16)

"""From the wish to end a call to the DELETE at the provider, with one call and with twenty at once.

The trigger is `/voicebot leave`: from the command on Discord's gateway to the arrival of the DELETE. The baseline is a
bare request of the same kind from a process of its own, with its connection open, in the same run.
"""

import asyncio
import time

from bot.network import httpx
from sandbox.stage import BotProcess, Place, Stage
from sandbox.valsea.server import API

from .table import Row

ROUNDS, MANY = 20, 20
BUDGET = 1.0  # seconds at p99, of a minute that is billed


async def run() -> list[Row]:
    """The rows."""
    async with Stage(voicebots=False) as stage:
        account, key = stage.account(), stage.valsea.create_key("bench")
        bot = stage.bot(account, key)
        await bot.start(stage.config(voicebot_arrival=600, first_audio_limit=0))
        places = [stage.place(account, "Ann") for _ in range(MANY)]
        for place in places:
            await place.people[0].join(place.guild_id, place.voice_id)
        one = [(await _end_all(stage, bot, [place]))[0] for place in places[:ROUNDS]]
        many = [delay for _ in range(2) for delay in await _end_all(stage, bot, places)]
        bare = await _bare(stage, key)
        await bot.stop()
    return [_row("1 call", one, bare), _row(f"{MANY} calls at once", many, bare)]


async def _end_all(stage: Stage, bot: BotProcess, places: list[Place]) -> list[float]:
    """Bring the bot into every place, send it away from all of them at once; seconds to each DELETE."""
    rooms: dict[int, str] = {}
    for place in places:
        before = set(stage.valsea.sessions)
        await stage.command(bot.account, place, place.people[0], "voicebot join")
        (rooms[place.guild_id],) = set(stage.valsea.sessions) - before
    asked: dict[int, float] = {}
    for place in places:
        asked[place.guild_id] = time.monotonic()
        stage.discord.slash(bot.account, place.guild_id, place.text_id, place.people[0].user_id, "voicebot leave")
    async with asyncio.timeout(30):
        while any(not stage.valsea.sessions[room].ended.is_set() for room in rooms.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    arrived = {path: at for method, path, at in stage.valsea.requests if method == "DELETE"}
    await asyncio.sleep(0.5)  # the calls end in peace
    return [arrived[f"{API}/session/{rooms[guild]}"] - asked[guild] for guild in asked]


async def _bare(stage: Stage, key: str) -> list[float]:
    delays = []
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=stage.valsea.url, headers=headers) as client:
        for number in range(100):
            sent = time.monotonic()
            await client.delete(f"{API}/session/none-{number}")
            delays.append(stage.valsea.requests[-1][2] - sent)
    return delays[10:]


def _row(what: str, delays: list[float], bare: list[float]) -> Row:
    p50, p99, floor = _at(delays, 0.5), _at(delays, 0.99), _at(bare, 0.5)
    return Row(
        f"End of a call to its DELETE, {what}",
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms",
        f"bare DELETE p50 {floor * 1000:.1f} ms",
        f"p99 {p99 * 1000:.0f} ms (p50 ratio {p50 / floor:.1f})",
        f"p99 ≤ {BUDGET * 1000:.0f} ms",
        p99 <= BUDGET,
    )


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]

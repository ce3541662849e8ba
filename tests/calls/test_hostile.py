"""Whoever owns a voicebot's prompt decides what it sends: that must cost no other server anything."""

import asyncio
import json

from tests.calls.hum import humming
from tests.running_bot import RunningBot
from tests.support import eventually

#: Packets that careless patterns, lists and comparisons take seconds for.
HOSTILE = [
    "<img>" + " " * 9000,
    "![" * 4000,
    "![](https://a" * 900,
    "https://a.png?" * 900,
    "eyJ" * 4000,
    json.dumps({"type": "transcript", "role": "assistant", "text": "<img>" * 2000 + "e\u0301" * 900}),
    json.dumps({"type": "images", "images": [{"key": f"k{number}"} for number in range(900)]}),
    json.dumps({"type": "transcript", "role": "user", "isComplete": False, "text": "_" * 14_000}),
    "[" * 14_000,
]


async def test_a_hostile_voicebot_harms_no_other_servers_call(ordinary_bot: RunningBot) -> None:
    """It held both loops for 24 s, and the watchdog ended every session of every server."""
    bot = ordinary_bot
    hostile, harmless = bot.place("Eve"), bot.place("Ann")
    (ann,) = harmless.people
    evil, good = await bot.start_call(hostile), await bot.start_call(harmless)
    async with humming(bot, good, ann) as gap:
        for _ in range(40):
            for payload in HOSTILE:
                evil.send_packet(evil.room, payload.encode())
            await asyncio.sleep(0.05)
        assert "live" in await bot.command(harmless, ann, "voicebot status")
    assert gap.longest < 0.5, gap.longest
    assert gap.missing <= 10 + gap.stalls
    assert bot.bills(evil)
    assert bot.bills(good)
    for place, session in ((harmless, good), (hostile, evil)):
        await bot.command(place, place.people[0], "voicebot leave")
        await eventually(lambda session=session: not bot.bills(session))  # type: ignore[misc]

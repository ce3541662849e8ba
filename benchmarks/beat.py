"""How late the beat comes while people type commands as fast as they can, against a bare ticker on the same machine.

The bot's own count of the last minute, by `/voicebot status details`; the bare ticker is an asyncio loop in a process
of its own that sends one datagram every 20 ms and does nothing else, at the same time.
"""

import asyncio
import re
import sys
import time

from sandbox.stage import Stage

from .cpu import talking
from .table import Row

SECONDS = 70.0  # more than the minute that is counted
COMMANDS_AT_ONCE = 4

_TICKER = """
import asyncio, socket, sys, time
async def main(seconds):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    start, late = time.monotonic(), []
    for number in range(1, int(seconds / 0.02)):
        due = start + number * 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late.append(time.monotonic() - due)
        out.sendto(bytes(200), sink.getsockname())
    late = sorted(late[-3000:])
    print(late[int(len(late) * 0.99)])
asyncio.run(main(float(sys.argv[1])))
"""


async def run() -> list[Row]:
    """One row."""
    async with Stage(voicebots=False) as stage:
        account = stage.account()
        bot = stage.bot(account, stage.valsea.create_key("bench"))
        await bot.start(stage.config(voicebot_arrival=3600))
        place = stage.place(account, "Ann")
        (ann,) = place.people
        await ann.join(place.guild_id, place.voice_id)
        await stage.command(account, place, ann, "voicebot join")
        ticker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _TICKER, str(SECONDS), stdout=asyncio.subprocess.PIPE
        )
        commands = 0
        async with talking(place):
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                asked = (stage.command(account, place, ann, "voicebot status") for _ in range(COMMANDS_AT_ONCE))
                commands += len(await asyncio.gather(*asked))
            text = await stage.command(account, place, ann, "voicebot status", details=True)
        printed, _ = await ticker.communicate()
        await stage.command(account, place, ann, "voicebot leave")
    ours, bare = float(re.findall(r"99 % within ([\d.]+) ms", text)[0]), float(printed) * 1000
    ratio = ours / bare
    return [
        Row(
            f"Lateness of the beat (p99) under {commands / SECONDS:.0f} commands a second / a bare ticker's",
            f"{ours:.1f} ms",
            f"{bare:.1f} ms",
            f"{ratio:.2f}",
            "≤ 3",
            ratio <= 3,
        )
    ]

"""What two hundred calls leave behind in the bot's process, and how long it takes from the command to sound.

Memory, files, threads: by the operating system (Linux). A join is compared with the sum of its steps one by one:
Discord's voice connection, the session's POST and the LiveKit room, which the order of money does not allow to overlap.
"""

import asyncio
import os
import time
from pathlib import Path
from statistics import median

from livekit import rtc

from bot.network import httpx
from sandbox.people.person import Person
from sandbox.stage import Stage
from sandbox.valsea.server import VOICEBOT_ID

from .table import Row

EARLY, CALLS, PLACES = 20, 200, 10
#: Calls after which memory is looked at: what warms up comes to rest, a leak does not.
LOOKS = (EARLY, 50, 100, 150, CALLS)
#: Seconds from one call to the next: discord.py sends 120 gateway messages a minute, and a call takes two or three.
PACE = 1.8


async def run() -> list[Row]:
    """Two rows."""
    joins: list[float] = []
    async with Stage(voicebots=False) as stage:
        account = stage.account()
        bot = stage.bot(account, stage.valsea.create_key("bench", balance=10_000))
        await bot.start(stage.config(voicebot_arrival=3600))
        assert bot.process is not None
        # Servers take turns: nobody starts a call a second in one channel, and Discord limits what is posted there.
        places = [stage.place(account, "Ann") for _ in range(PLACES)]
        for place in places:
            await place.people[0].join(place.guild_id, place.voice_id)
        held: dict[int, tuple[int, int, int]] = {}
        for number in range(1, CALLS + 1):
            place = places[number % PLACES]
            (ann,) = place.people
            asked = time.monotonic()
            await stage.command(account, place, ann, "voicebot join")
            joins.append(time.monotonic() - asked)
            await stage.command(account, place, ann, "voicebot leave")
            await _until_over(stage, place.guild_id, account.user_id)
            await asyncio.sleep(max(0.0, asked + PACE - time.monotonic()))
            if number in LOOKS:
                await asyncio.sleep(5)
                held[number] = _held(bot.process.pid)
        steps = await _steps(stage, place.guild_id, place.voice_id)
    early, late = held[EARLY], held[CALLS]
    ratio, whole = late[0] / early[0], median(joins)
    between = ", ".join(f"{held[number][0] / 1024:.0f} after {number}" for number in LOOKS[1:-1])
    clean = late[1:] == early[1:]
    return [
        Row(
            f"Memory after {CALLS} calls / after {EARLY}; files and threads",
            f"{late[0] / 1024:.0f} MB; {late[1]}, {late[2]}",
            f"{early[0] / 1024:.0f} MB; {early[1]}, {early[2]} ({between})",
            f"{ratio:.2f}" + ("" if clean else ", more files or threads"),
            "≤ 1.03, the same",
            ratio <= 1.03 and clean,
        ),
        Row(
            "From the command to a live call / its steps one by one",
            f"p50 {whole * 1000:.0f} ms",
            ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in steps.items()),
            f"{whole / sum(steps.values()):.2f}",
            "≤ 0.7",
            whole / sum(steps.values()) <= 0.7,
        ),
    ]


async def _until_over(stage: Stage, guild_id: int, user_id: int) -> None:
    while stage.discord.world.voice_channel_of(guild_id, user_id) is not None:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


async def _steps(stage: Stage, guild_id: int, voice_id: int) -> dict[str, float]:
    """Seconds of each step, done by bare clients: a person's voice client, an HTTP request, a LiveKit client."""
    found: dict[str, list[float]] = {"voice and keys": [], "POST": [], "room": []}
    key = stage.valsea.create_key("steps")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
        for _ in range(10):
            began = time.monotonic()
            bob = Person(stage.discord, stage.discord.world.create_user("Bob"))
            stage.discord.world.add_member(guild_id, bob.user_id)
            await bob.join(guild_id, voice_id)
            await bob.keys()
            found["voice and keys"].append(time.monotonic() - began)
            await bob.leave()
            began = time.monotonic()
            url = f"{stage.valsea.url}/v1/voicebot-livekit/session"
            answer = (await http.post(url, json={"voicebotId": VOICEBOT_ID})).json()
            found["POST"].append(time.monotonic() - began)
            began = time.monotonic()
            room = rtc.Room()
            await room.connect(answer["livekitUrl"], answer["participantToken"])
            source = rtc.AudioSource(48_000, 1, queue_size_ms=40)
            track = rtc.LocalAudioTrack.create_audio_track("mic", source)
            await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
            found["room"].append(time.monotonic() - began)
            await room.disconnect()
            await http.delete(f"{url}/{answer['roomName']}")
    return {name: median(times) for name, times in found.items()}


def _held(pid: int) -> tuple[int, int, int]:
    """Kilobytes, open files and threads."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]), len(os.listdir(folder / "fd")), int(status["Threads"])

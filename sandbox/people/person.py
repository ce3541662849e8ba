"""A person on a Discord server: joins voice, speaks, listens, leaves."""

import asyncio
import random
import time

import discord as discordpy
import numpy as np

from sandbox.discord.server import Discord

from .ear import Ear
from .line import Line
from .speech import Pcm
from .voice_client import VoiceClient

FRAME = 960
INTERVAL = 0.02
SILENCE = b"\xf8\xff\xfe"


class Person:
    """Has a user account and at most one voice connection."""

    def __init__(self, discord: Discord, user_id: int, *, line: Line | None = None) -> None:
        self.user_id = user_id
        self.ear = Ear()
        self.line = line or Line()
        self.voice: VoiceClient | None = None
        self._discord = discord
        self._guild_id = 0
        self._encoder = discordpy.opus.Encoder()
        self._encoder.set_bitrate(64)
        self._origin: tuple[float, int] | None = None

    async def join(self, guild_id: int, channel_id: int) -> None:
        """Join a voice channel and connect to its voice server."""
        self._guild_id = guild_id
        access = self._discord.join_voice(guild_id, self.user_id, channel_id)
        self.voice = VoiceClient(self._discord, access, self._hear, self.line)
        await self.voice.connect()

    async def leave(self) -> None:
        """Leave the voice channel."""
        voice, self.voice = self.voice, None
        self._discord.leave_voice(self._guild_id, self.user_id)
        if voice is not None:
            await voice.close()

    async def keys(self, timeout: float = 10) -> None:
        """Wait until this person can be understood; TimeoutError."""
        assert self.voice is not None
        async with asyncio.timeout(timeout):
            while not self.voice.has_keys:
                await asyncio.sleep(0.01)

    async def say(self, samples: Pcm, *, clock: float = 1.0) -> tuple[float, float]:
        """Speak 48 kHz mono samples in real time; (start, end) by `time.monotonic()`.

        `clock` above 1 is a sound card that runs fast: packets and timestamps both.
        """
        assert self.voice is not None
        voice = self.voice
        await voice.speaking(True)
        start = time.monotonic()
        timestamp = self._timestamp(start)
        count = -(-len(samples) // FRAME)
        padded = np.zeros(count * FRAME, np.int16)
        padded[: len(samples)] = samples
        for number in range(count + 5):
            if number < count:
                mono = padded[number * FRAME : (number + 1) * FRAME]
                opus = self._encoder.encode(np.repeat(mono, 2).tobytes(), FRAME)
            else:
                opus = SILENCE
            voice.send(opus, timestamp + number * FRAME)
            due = start + (number + 1) * INTERVAL / clock
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await voice.speaking(False)
        return start, start + count * INTERVAL / clock

    def _timestamp(self, now: float) -> int:
        """The RTP clock: a random start, then real time, in whole frames."""
        if self._origin is None:
            self._origin = now, random.getrandbits(32)
        started, base = self._origin
        return base + round((now - started) / INTERVAL) * FRAME

    def _hear(self, user_id: int, ssrc: int, timestamp: int, opus: bytes) -> None:
        self.ear.hear(user_id, ssrc, timestamp, opus, time.monotonic())

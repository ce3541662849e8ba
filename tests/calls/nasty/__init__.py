"""A plugin as bad as its settings say, and one that listens."""

import asyncio
import time

import numpy as np
from pydantic import Field

from bot.api import Call, Host, Plugin, PluginSettings, Receipt, TranscriptLine

EVERY = 0.2  # seconds; several in the two for which checks look at what happens by itself


class NastySettings(PluginSettings):
    """One way to be bad: raises, hangs, leaks, floods, blocks; or listens."""

    way: str = Field("", pattern="^(raises|hangs|leaks|floods|blocks|listens|)$")


class NastyPlugin(Plugin[NastySettings]):
    """Does it all the time while a call is live, in hooks and beside them."""

    name = "nasty"
    Settings = NastySettings

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._leaked: list[asyncio.Task[None]] = []
        self._heard = {"people": 0, "voicebot": 0}

    async def on_call_started(self, call: Call) -> None:
        way = self.settings(call.guild_id).way
        if way == "listens":
            self.tasks.create(self._listen(call))
        elif way:
            self.tasks.create(self._misbehave(call, way))

    async def on_speaking(self, call: Call, user_id: int, speaking: bool) -> None:
        await self._hook(call)

    async def on_transcript(self, call: Call, line: TranscriptLine) -> None:
        await self._hook(call)

    async def on_call_ended(self, receipt: Receipt) -> None:
        if self.settings(receipt.guild_id).way == "listens":
            channel = self.host.get_channel(receipt.text_channel_id)
            if channel is not None:
                await channel.send(f"people {self._heard['people']}, voicebot {self._heard['voicebot']}")

    async def _hook(self, call: Call) -> None:
        match self.settings(call.guild_id).way:
            case "raises":
                raise ValueError("as it must not")
            case "hangs":
                await asyncio.sleep(3600)
            case "blocks":
                time.sleep(0.5)  # noqa: ASYNC251 - that is what it is for

    async def _misbehave(self, call: Call, way: str) -> None:
        while self.host.calls.of_guild(call.guild_id) is call:
            await asyncio.sleep(EVERY)
            if way == "leaks":
                self._leaked += [asyncio.create_task(asyncio.sleep(3600)) for _ in range(100)]
            elif way == "floods":
                channel = self.host.get_channel(call.text_channel_id)
                self.tasks.create(channel.send("again"))
            elif way == "blocks":
                time.sleep(0.5)  # noqa: ASYNC251 - that is what it is for

    async def _listen(self, call: Call) -> None:
        async for sound in await call.listen():
            for side in self._heard:
                frame = getattr(sound, side)
                self._heard[side] += int(frame is not None and np.abs(frame).max() > 500)


PLUGIN = NastyPlugin

"""The second bot of a live check: another account in the same voice channel, which asks a question and listens."""

import asyncio
from dataclasses import replace

import discord

from bot.access.voice_channel import VoiceChannel
from bot.bridge import SAMPLE_RATE
from bot.call.connection.media import CallMedia, MediaEngine
from bot.call.connection.sound_settings import sound_settings
from bot.config.model import NetworkSettings, ServerSettings
from bot.errors import Refused
from bot.network import connector

from . import speech
from .live_recorder import Listening


class SecondBot(discord.Client):
    """Log it in with `start`, `join` a channel, `ask`, and `close` it, in any state."""

    def __init__(self, network: NetworkSettings, engine: MediaEngine) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.voice_states = True
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            connector=connector(network),
            proxy=network.proxy,
        )
        self._listening = Listening()
        self.packets = self._listening.packets
        self._engine = replace(engine, recorder=self._listening)
        self._media: CallMedia | None = None

    async def join(self, guild_id: int, channel_id: int, settings: ServerSettings) -> None:
        """Join a voice channel; Refused when this bot does not see it, VoiceError when it cannot be joined."""
        channel = self.get_channel(channel_id)
        if not isinstance(channel, VoiceChannel) or channel.guild.id != guild_id:
            raise Refused(f"The second bot, {self.user}, does not see this voice channel. Invite it to the server.")
        sound = replace(sound_settings(settings, 0), hear_bots=True, ask_first=False)
        self._media = CallMedia(
            channel,
            settings,
            sound,
            self._engine,
            read_packet=lambda _: (),
            on_event=lambda _: None,
            on_voice_update=lambda _: None,
        )
        await self._media.voice.connect()
        await self._media.join_prompt()

    async def ask(self) -> float:
        """Ask the question aloud, and return how many seconds that takes; it is not waited for."""
        assert self._media is not None, "it has not joined"
        samples = await asyncio.to_thread(speech.question)
        await self._media.say(samples)
        return len(samples) / SAMPLE_RATE

    async def frames_heard(self) -> int:
        """Return how many frames of 20 ms with sound in them it has heard."""
        assert self._media is not None, "it has not joined"
        return await self._media.frames_heard()

    async def close(self) -> None:
        """Leave the channel, and Discord."""
        media, self._media = self._media, None
        if media is not None:
            await asyncio.gather(media.close(), media.voice.leave(), return_exceptions=True)
        await super().close()

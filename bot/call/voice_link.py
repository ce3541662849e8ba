"""A call's connection to its Discord voice channel: joining, repairing through the main gateway, leaving."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Container

import discord

from bot.errors import VoiceError
from bot.media.loop import MediaLoop
from bot.media.session import MediaSession
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import GATEWAY_AWAY, MainGatewayAway, VoiceHandshake, VoiceUpdate

from .hearing import Listeners

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0  # seconds for Discord to name a voice server
KEYS_TIMEOUT = 10.0  # seconds for DAVE to agree on keys
GATEWAY_POLL = 0.5  # seconds between two looks whether the main gateway is back
FRESH_SESSIONS = 3  # attempts before the voice connection counts as lost

VoiceChannel = discord.VoiceChannel | discord.StageChannel


class VoiceLink:
    """Both halves of a voice connection: the handshake on the main loop, the sound on the media loop."""

    def __init__(
        self,
        channel: VoiceChannel,
        media_loop: MediaLoop,
        media: MediaSession,
        on_update: Callable[[VoiceUpdate], None],
        bitrate_of: Callable[[VoiceChannel], int],
    ) -> None:
        """`bitrate_of` says with how many bit/s the voicebot is sent to a channel."""
        self._joined = channel
        self._media_loop = media_loop
        self._media = media
        self._on_update = on_update
        self._bitrate_of = bitrate_of
        self._handshake: VoiceHandshake | None = None

    @property
    def channel(self) -> VoiceChannel:
        """Where the bot is; it can be moved.

        Asked for anew every time: when the gateway has to identify again, discord.py makes new objects for everything,
        and the old ones no longer learn who is in the channel.
        """
        if self._handshake is None:
            return self._joined
        known = self._handshake.channel
        fresh = self._handshake.client.get_channel(known.id)
        return fresh if isinstance(fresh, discord.VoiceChannel | discord.StageChannel) else known

    def is_current(self, server: VoiceServerInfo) -> bool:
        """Whether a voice server is the one Discord named last, and not one that is being replaced already."""
        return self._handshake is not None and self._handshake.latest == server

    @property
    def awaits_server(self) -> bool:
        """Whether Discord took the voice server away and has not named the next one."""
        return self._handshake is not None and self._handshake.latest is None

    def listeners(self, unwilling: Container[int]) -> Listeners:
        """How many of the people in the channel cannot or do not want to be heard, and whether the bot is deafened."""
        guild = self.channel.guild
        own = guild.me.voice
        states, willing = [], 0
        for user_id, state in self.channel.voice_states.items():
            member = guild.get_member(user_id)
            if user_id != guild.me.id and (member is None or not member.bot):
                states.append(state)
                willing += user_id not in unwilling
        return Listeners(
            people=len(states),
            willing=willing,
            muted=sum(state.self_mute or state.mute or state.suppress for state in states),
            bot_deafened=own is not None and (own.deaf or own.self_deaf),
        )

    async def connect(self) -> None:
        """Join the channel and agree on keys; VoiceError."""
        handshake: VoiceHandshake = await self._joined.connect(
            cls=self._make_handshake, timeout=HANDSHAKE_TIMEOUT, self_deaf=False
        )
        await self._use(handshake.server, KEYS_TIMEOUT)

    async def reconnect(self, server: VoiceServerInfo) -> None:
        """Use the voice server Discord just named; a fresh session when that fails. VoiceError."""
        try:
            await self._use(server, self._keys_timeout())
        except VoiceError as error:
            log.info("the new voice server failed (%s)", error)
            await self.rejoin()

    async def rejoin(self, after: float = 0.0) -> None:
        """Leave and join again through the main gateway, a few times; VoiceError when all fail. While the main gateway
        is away none is made: the guards say for how long that may be."""
        assert self._handshake is not None
        await asyncio.sleep(after)
        attempt = 1
        while True:
            try:
                server = await self._handshake.renew(HANDSHAKE_TIMEOUT)
                await self._use(server, self._keys_timeout())
                return
            except MainGatewayAway:
                await asyncio.sleep(GATEWAY_POLL)
            except VoiceError as error:
                log.info("fresh voice session %d failed (%s)", attempt, error)
                if attempt == FRESH_SESSIONS:
                    raise
                await asyncio.sleep(2.0 ** (attempt - 1))
                attempt += 1

    def retune(self) -> None:
        """The channel may have another bitrate now."""
        bitrate = self._bitrate_of(self.channel)
        self._media_loop.post(lambda: self._media.set_bitrate(bitrate))

    async def leave(self) -> None:
        """Leave the channel; also when joining it failed or was cancelled half-way."""
        if self._handshake is not None:
            with contextlib.suppress(*GATEWAY_AWAY, discord.DiscordException):  # then it is said when that is back
                await self._handshake.disconnect(force=True)

    async def _use(self, server: VoiceServerInfo, keys_timeout: float | None) -> None:
        bitrate = self._bitrate_of(self.channel)
        await self._media_loop.run(self._media.connect_voice(server, keys_timeout, bitrate))

    def _make_handshake(self, client: discord.Client, where: discord.abc.Connectable) -> VoiceHandshake:
        """Known to us from the start: discord.py keeps it also when its `connect` fails or is cancelled."""
        self._handshake = VoiceHandshake(client, where, self._on_update)
        return self._handshake

    def _keys_timeout(self) -> float | None:
        """Alone in the channel there is nobody to agree on keys with."""
        own = self.channel.guild.me.id
        return KEYS_TIMEOUT if any(user != own for user in self.channel.voice_states) else None

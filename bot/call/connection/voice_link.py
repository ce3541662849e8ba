"""A call's connection to its Discord voice channel: joining, repairing through the main gateway, leaving."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

import discord

from bot.access.voice_channel import VoiceChannel, is_at_user_limit
from bot.call.hearing import Listeners
from bot.errors import ChannelFull, VoiceBlocked, VoiceClosed, VoiceError
from bot.language import say
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import GATEWAY_AWAY, MainGatewayAway, VoiceHandshake, VoiceUpdate

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0  # seconds for Discord to name a voice server
KEYS_TIMEOUT = 10.0  # seconds for DAVE to agree on keys
GATEWAY_POLL_INTERVAL = 0.5  # seconds between two looks whether the main gateway is back
#: Seconds between attempts to join again, after the last of which the voice connection counts as lost.
REJOIN_PAUSES = (1.0, 2.0)
REJOIN_ATTEMPTS = len(REJOIN_PAUSES) + 1
#: Attempts to join before anything is billed, the seconds between them, and those that all may take: several refusals
#: in a row are reported of Discord's voice servers before they let somebody in, and discord.py makes five attempts too.
JOIN_PAUSES, JOIN_TIMEOUT = (0.5, 1.0, 2.0, 3.0), 30.0
JOIN_ATTEMPTS = len(JOIN_PAUSES) + 1
#: The same where no sound gets through.
BLOCKED_ATTEMPTS = 2
#: Seconds for Discord to name the next voice server, when it has taken one away.
SERVER_TIMEOUT = 5.0
#: Refusals that no other attempt changes (`bot.voice.close_codes`).
_FINAL = frozenset({4012, 4016, 4017, 4021})


class VoiceMedia(Protocol):
    """Carries the sound of a voice session."""

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None, bitrate: int) -> None:
        """Open a voice session, in place of the one before; VoiceError."""
        ...

    def set_bitrate(self, bitrate: int) -> None:
        """Set the bit rate of the voicebot's voice, in bit/s."""
        ...


class VoiceLink:
    """Both halves of a voice connection: the handshake on the main loop, the sound on the media loop."""

    def __init__(
        self,
        channel: VoiceChannel,
        media: VoiceMedia,
        on_update: Callable[[VoiceUpdate], None],
        bitrate_of: Callable[[VoiceChannel], int],
    ) -> None:
        """`bitrate_of` returns the bit rate of the voicebot's voice for a channel, in bit/s."""
        self._joined = channel
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
        """Return whether a voice server is the one Discord named last, and not one that is being replaced already."""
        return self._handshake is not None and self._handshake.latest == server

    @property
    def bots(self) -> frozenset[int]:
        """User ids of the other bots in the channel, as far as they are known to be bots."""
        guild = self.channel.guild
        members = map(guild.get_member, self.channel.voice_states)
        return frozenset(one.id for one in members if one is not None and one.bot and one.id != guild.me.id)

    @property
    def awaits_server(self) -> bool:
        """Whether Discord took the voice server away and has not named the next one."""
        return self._handshake is not None and self._handshake.latest is None

    def listeners(self, may_hear: Callable[[int], bool] = lambda user_id: True) -> Listeners:
        """Count the people in the channel who cannot or do not want to be heard, and see whether the bot is
        deafened."""
        guild = self.channel.guild
        own = guild.me.voice
        states, with_consent = [], 0
        for user_id, state in self.channel.voice_states.items():
            member = guild.get_member(user_id)
            if user_id != guild.me.id and (member is None or not member.bot):
                states.append(state)
                with_consent += may_hear(user_id)
        return Listeners(
            people=len(states),
            with_consent=with_consent,
            muted=sum(state.self_mute or state.mute or state.suppress for state in states),
            bot_deafened=own is not None and (own.deaf or own.self_deaf),
        )

    async def connect(self) -> None:
        """Join the channel and agree on keys; VoiceError, after some attempts, each with a fresh session."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + JOIN_TIMEOUT
        for attempt, pause in enumerate((*JOIN_PAUSES, 0.0), 1):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._join()
                return
            except TimeoutError as error:
                log.warning("joining voice, attempt %d of %d: no more time is left", attempt, JOIN_ATTEMPTS)
                slow = say("Discord took too long to let me in.")
                raise _not_joined(attempt, VoiceError("it took too long", for_user=slow)) from error
            except VoiceError as error:
                log.warning("joining voice, attempt %d of %d: %s", attempt, JOIN_ATTEMPTS, error)
                final = isinstance(error, VoiceClosed) and error.code in _FINAL
                if final or (isinstance(error, VoiceBlocked) and attempt >= BLOCKED_ATTEMPTS):
                    raise
                if attempt == JOIN_ATTEMPTS or loop.time() + pause >= deadline:
                    raise _not_joined(attempt, error) from error
            await asyncio.sleep(pause)

    async def _join(self) -> None:
        """One attempt. Discord may name another server while the one it named is tried: that is used then."""
        if self._handshake is None:
            await self._joined.connect(cls=self._make_handshake, timeout=HANDSHAKE_TIMEOUT, self_deaf=False)
            handshake = self._handshake
            assert handshake is not None
            server = handshake.server
        else:
            handshake = self._handshake
            server = await handshake.renew(HANDSHAKE_TIMEOUT)
        while True:
            problem: VoiceError | None = None
            try:
                await self._use(server, self._keys_timeout())
            except VoiceError as error:
                problem = error
            named = await _settled(handshake)
            if named == server and problem is None:
                return
            if named is None or named == server:
                raise problem or VoiceError("the voice server was taken away")
            log.info("voice server replaced while it was being joined (%s)", problem or "it had worked")
            server = named

    async def reconnect(self, server: VoiceServerInfo) -> None:
        """Use the voice server Discord just named; a fresh session when that fails. VoiceError."""
        try:
            await self._use(server, self._keys_timeout())
        except VoiceError as error:
            log.info("the new voice server failed (%s)", error)
            await self.rejoin()

    async def rejoin(self, after: float = 0.0) -> None:
        """Leave and join again through the main gateway, a few times; VoiceError when all attempts fail. While the main
        gateway is away none is made: the guards say for how long that may be."""
        assert self._handshake is not None
        await asyncio.sleep(after)
        attempt = 1
        while True:
            try:
                server = await self._handshake.renew(HANDSHAKE_TIMEOUT)
                await self._use(server, self._keys_timeout())
                return
            except MainGatewayAway:
                await asyncio.sleep(GATEWAY_POLL_INTERVAL)
            except VoiceError as error:
                log.info("fresh voice session %d failed (%s)", attempt, error)
                if attempt == REJOIN_ATTEMPTS:
                    if is_at_user_limit(self.channel):
                        raise ChannelFull("somebody has taken the seat meanwhile") from error
                    raise
                await asyncio.sleep(REJOIN_PAUSES[attempt - 1])
                attempt += 1

    def retune(self) -> None:
        """Take over the channel's bit rate, which may have changed."""
        self._media.set_bitrate(self._bitrate_of(self.channel))

    async def leave(self) -> None:
        """Leave the channel; also when joining it failed or was cancelled half-way."""
        if self._handshake is not None:
            with contextlib.suppress(*GATEWAY_AWAY, discord.DiscordException):  # then it is said when that is back
                await self._handshake.disconnect(force=True)

    async def _use(self, server: VoiceServerInfo, keys_timeout: float | None) -> None:
        await self._media.connect_voice(server, keys_timeout, self._bitrate_of(self.channel))

    def _make_handshake(self, client: discord.Client, where: discord.abc.Connectable) -> VoiceHandshake:
        """Known to us from the start: discord.py keeps it also when its `connect` fails or is cancelled."""
        self._handshake = VoiceHandshake(client, where, self._on_update)
        return self._handshake

    def _keys_timeout(self) -> float | None:
        """Alone in the channel there is nobody to agree on keys with."""
        own = self.channel.guild.me.id
        return KEYS_TIMEOUT if any(user != own for user in self.channel.voice_states) else None


async def _settled(handshake: VoiceHandshake) -> VoiceServerInfo | None:
    """Return the credentials in force, once Discord has named a server again if it took one away; None when it does
    not."""
    for _ in range(round(SERVER_TIMEOUT / 0.05)):
        if handshake.latest is not None:
            return handshake.latest
        await asyncio.sleep(0.05)
    return handshake.latest


def _not_joined(attempts: int, error: VoiceError) -> VoiceError:
    """Return what people read when every attempt has failed; nothing was billed."""
    return VoiceError(
        f"not joined after {attempts} attempts: {error}",
        for_user=say(
            "I could not join the voice channel ({count} of {most} attempts, nothing was billed). {problem} Another "
            "region in the voice channel's settings can help, or letting me View Channel, Connect and Speak there.",
            count=attempts,
            most=JOIN_ATTEMPTS,
            problem=error.for_user,
        ),
    )

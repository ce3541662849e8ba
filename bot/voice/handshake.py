"""The half of a voice connection that goes through Discord's main gateway: op 4 out, voice state and server in.

discord.py calls this through its public `VoiceProtocol`. It holds no sound: once both halves of the credentials are
there it hands them over, and again whenever they change. Runs on the main loop. Source:
https://discord.com/developers/docs/topics/voice-connections#retrieving-voice-server-information
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

from bot.errors import VoiceError
from bot.language import say

from .gateway import VoiceServerInfo

if TYPE_CHECKING:
    from discord.types.voice import GuildVoiceState, VoiceServerUpdate


#: What discord.py raises when the main gateway's websocket is closed, and it is making another.
GATEWAY_AWAY = (ConnectionError, aiohttp.ClientError, discord.ConnectionClosed)


class MainGatewayAway(VoiceError):
    """Raised when nothing can be asked of Discord before its main gateway is back."""


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """New credentials: the voice server changed, or the bot was moved to `server.channel_id`."""

    server: VoiceServerInfo


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Discord says that the bot is in no voice channel any more, and not because we asked."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Discord says that the bot is in another channel now; new credentials come before or after."""

    channel_id: int


VoiceUpdate = ServerChanged | Moved | Disconnected

#: Seconds within which Discord confirms that we left a channel. It sends no confirmation if it had already
#: disconnected the bot.
LEAVE_CONFIRMATION_TIMEOUT = 10.0
#: Seconds within which a voice server that was named before the news of a move belongs to that move.
SAME_MOVE_SECONDS = 2.0


class VoiceHandshake(discord.VoiceProtocol):
    """The handshake on the main gateway. Passed to `VoiceChannel.connect(cls=...)`, bound to a listener."""

    channel: discord.VoiceChannel | discord.StageChannel

    def __init__(
        self,
        client: discord.Client,
        channel: discord.abc.Connectable,
        listener: Callable[[VoiceUpdate], None],
    ) -> None:
        super().__init__(client, channel)
        self._listener = listener
        self._session_id: str | None = None
        self._channel_id: int = (
            self.channel.id
        )  # where Discord says that the bot is, first of all where it was asked to
        self._server: tuple[str, str] | None = None  # endpoint, token
        self._complete: asyncio.Future[VoiceServerInfo] | None = None
        #: When each leave request was sent whose confirmation has not come, by the loop's time.
        self._pending_leaves: deque[float] = deque(maxlen=8)
        self._left_session_id: str | None = None  # what the last of them left
        self._stale_session_id: str | None = None  # a session id that came while a confirmation was awaited
        self._server_named_at = -SAME_MOVE_SECONDS  # while no move has claimed it

    async def connect(
        self, *, timeout: float, reconnect: bool, self_deaf: bool = False, self_mute: bool = False
    ) -> None:
        """Ask Discord to put the bot into the channel; VoiceError when it does not say where within `timeout` s."""
        await self.renew(timeout)

    async def renew(self, timeout: float) -> VoiceServerInfo:
        """Ask for fresh credentials for the channel; VoiceError, MainGatewayAway. Joining again is how Discord hands
        out a new voice session."""
        self._server = None
        self._complete = asyncio.get_running_loop().create_future()
        try:
            if self._session_id is not None:
                self._note_leave()
                await self.channel.guild.change_voice_state(channel=None)
            await self.channel.guild.change_voice_state(channel=self.channel)
            async with asyncio.timeout(timeout):
                await self._complete
            return self.server  # another may have been named in the same breath
        except GATEWAY_AWAY as error:
            raise MainGatewayAway(
                "the main gateway is away",
                for_user=say("The connection to Discord is just being restored. Try again in a moment."),
            ) from error
        except TimeoutError as error:
            raise VoiceError(
                "no voice server assigned",
                for_user=say(
                    "Discord did not let the bot into the voice channel. Is it full, or does the bot lack a permission?"
                ),
            ) from error
        finally:
            self._complete = None

    @property
    def latest(self) -> VoiceServerInfo | None:
        """The credentials Discord named last; None while they are not complete."""
        return self._assemble()

    @property
    def server(self) -> VoiceServerInfo:
        """The credentials in force; VoiceError before they are complete."""
        info = self._assemble()
        if info is None:
            raise VoiceError("the voice handshake is not complete")
        return info

    async def disconnect(self, *, force: bool) -> None:
        """Leave the channel and let discord.py forget this connection."""
        self._note_leave()
        try:
            await self.channel.guild.change_voice_state(channel=None)
        finally:
            self.cleanup()

    def _note_leave(self) -> None:
        self._pending_leaves.append(asyncio.get_running_loop().time())
        self._left_session_id, self._session_id = self._session_id or self._left_session_id, None
        self._stale_session_id = None

    async def on_voice_state_update(self, data: "GuildVoiceState", /) -> None:
        """Take in that the bot's own voice state changed; discord.py calls this.

        Events do not follow the order of our requests. One from before a leave request, such as a moderator's
        mute, may arrive between the request and its confirmation, and there is no confirmation if Discord had already
        disconnected the bot. An outdated event is recognised by the id of the session that was left.
        """
        channel_id = data["channel_id"]
        awaited = self._awaits_leave_confirmation()
        if channel_id is None:
            self._stale_session_id = None
            was_there, self._session_id = self._session_id is not None, None
            if awaited:
                self._pending_leaves.popleft()
            elif was_there:
                self._listener(Disconnected())
            return
        session_id = data["session_id"]
        if awaited and session_id == self._left_session_id:
            self._stale_session_id = session_id  # unless a voice server follows, which none does that we have left
            return
        self._pending_leaves.clear()  # it is of a session after them: their confirmations will not come any more
        self._take_state(session_id, int(channel_id))

    def _take_state(self, session_id: str, channel_id: int) -> None:
        moved = self._channel_id != channel_id
        self._session_id, self._channel_id = session_id, channel_id
        channel = self.channel.guild.get_channel(channel_id)
        if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
            self.channel = channel
        if moved:  # while a voice server is awaited, too: it will be the other channel's
            self._listener(Moved(channel_id))
        named_first = asyncio.get_running_loop().time() - self._server_named_at < SAME_MOVE_SECONDS
        self._offer(new_server=moved and named_first)
        if moved:
            self._server_named_at = -SAME_MOVE_SECONDS

    async def on_voice_server_update(self, data: "VoiceServerUpdate", /) -> None:
        """Take in that a voice server was assigned; discord.py calls this. Without an endpoint it is gone, and another
        one will follow."""
        endpoint = data.get("endpoint")
        self._server = None if endpoint is None else (endpoint, data["token"])
        if endpoint is not None:
            self._server_named_at = asyncio.get_running_loop().time()
            if self._session_id is None and self._stale_session_id is not None:  # it was not stale: we are in again
                self._pending_leaves.clear()
                self._session_id, self._stale_session_id = self._stale_session_id, None
        self._offer(new_server=True)

    def _awaits_leave_confirmation(self) -> bool:
        now = asyncio.get_running_loop().time()
        while self._pending_leaves and now - self._pending_leaves[0] > LEAVE_CONFIRMATION_TIMEOUT:
            self._pending_leaves.popleft()
        return bool(self._pending_leaves)

    def _assemble(self) -> VoiceServerInfo | None:
        if self._server is None or self._session_id is None:
            return None
        endpoint, token = self._server
        user: Any = self.client.user
        return VoiceServerInfo(endpoint, token, self._session_id, self.channel.guild.id, self._channel_id, user.id)

    def _offer(self, *, new_server: bool) -> None:
        info = self._assemble()
        if info is None:
            return
        if self._complete is not None:
            if not self._complete.done():
                self._complete.set_result(info)
        elif new_server:
            self._listener(ServerChanged(info))

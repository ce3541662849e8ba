"""Restores a call's connections to Discord's voice server and to the voicebot's room, with a limited number of
attempts for each kind of failure."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot import clock
from bot.billing.end_reason import EndReason
from bot.call.guards import Guards
from bot.call.state import CallStateMachine, Side
from bot.errors import ChannelFull
from bot.language import Text, say
from bot.media.events import VoiceLost
from bot.provider import VoicebotSession
from bot.room.events import RoomClosed, RoomEnd
from bot.voice.close_codes import NOBODY_DECRYPTED, Remedy
from bot.voice.gateway import VoiceServerInfo

from .repairs import Repairs
from .voice_link import VoiceLink

log = logging.getLogger(__name__)

#: Seconds that a rejoined room must have held before it is joined once more.
REJOIN_INTERVAL = 120.0
#: A repaired voice connection that is lost again within `HELD_SECONDS` counts as failed. The pause before the next
#: attempt doubles each time, and after `MAX_SHORT_LIVED` in a row the call ends: it is billed and nobody is heard.
HELD_SECONDS, MAX_SHORT_LIVED = 10.0, 4
GATEWAY_TIMEOUT = 5.0  # seconds for the main gateway to explain a 4014

_ROOM_ENDS = {
    RoomEnd.ENDED_BY_PROVIDER: EndReason.ROOM_ENDED,
    RoomEnd.REPLACED: EndReason.ROOM_REPLACED,
    RoomEnd.CONNECTION_LOST: EndReason.ROOM_LOST,
}


class Reconnector:
    """Repairs the two connections of one call. `name` is for the log; `join_room` joins a session's room anew; `warn`
    and `end` are the call's."""

    def __init__(
        self,
        name: str,
        voice: VoiceLink,
        join_room: Callable[[VoicebotSession], Awaitable[None]],
        machine: CallStateMachine,
        guards: Guards,
        *,
        warn: Callable[[Text], None],
        end: Callable[[EndReason], None],
    ) -> None:
        self._name = name
        self._voice = voice
        self._join_room = join_room
        self._machine = machine
        self._guards = guards
        self._warn = warn
        self._end = end
        self._repairs = Repairs(name, self._on_repair_done)
        self._rejoined_room_at: float | None = None
        self._sessions_undecryptable = 0  # voice sessions in a row in which nobody could be decrypted
        self._repaired_voice_at: float | None = None
        self._short_lived = 0  # repaired voice connections in a row

    async def cancel(self) -> None:
        """Repair nothing any more, since the call is over."""
        await self._repairs.cancel()

    def on_heard(self) -> None:
        """Note that somebody could be decrypted, so the keys are the right ones."""
        self._sessions_undecryptable = 0

    def on_lost(self, side: Side) -> None:
        """Note that "voice" or "room" was lost, and is being repaired by us or by itself."""
        self._guards.on_lost(clock.now(), side)
        self._machine.on_lost(side)

    def on_recovered(self, side: Side) -> None:
        """Note that a side is up again."""
        self._machine.on_recovered(side)
        self._guards.on_recovered(clock.now(), side)

    def on_voice_lost(self, lost: VoiceLost) -> None:
        """Repair a voice session that is over, by itself or by Discord's will, or end the call."""
        if not self._voice.is_current(lost.server):
            # Discord has named another server meanwhile, which is being connected, or is about to name one.
            if self._voice.awaits_server or "voice" in self._repairs:
                self.on_lost("voice")
            return
        log.info("%s: voice lost (%s)", self._name, lost.meaning)
        self.on_lost("voice")
        self._count_short_lived()
        if lost.meaning == NOBODY_DECRYPTED.meaning:
            self._sessions_undecryptable += 1
        if self._sessions_undecryptable > 1:  # new keys, and a new session, were of no use: nobody pays for more
            self._warn(say("{problem} I end the call.", problem=NOBODY_DECRYPTED.meaning))
            self._end(EndReason.NOBODY_HEARD)
        elif lost.remedy is Remedy.GIVE_UP or self._short_lived > MAX_SHORT_LIVED:
            self._end(EndReason.VOICE_LOST)
        elif lost.remedy is Remedy.AWAIT_GATEWAY:
            # Kicked, moved or a new server: the main gateway tells in a moment, and then this is cancelled.
            self._repairs.start("voice", self._voice.rejoin(after=GATEWAY_TIMEOUT))
        else:
            pause = 2.0 ** (self._short_lived - 1) if self._short_lived else 0.0
            self._repairs.start("voice", self._voice.rejoin(after=pause))

    def _count_short_lived(self) -> None:
        held = None if self._repaired_voice_at is None else clock.now() - self._repaired_voice_at
        self._short_lived = self._short_lived + 1 if held is not None and held < HELD_SECONDS else 0

    def on_voice_server_changed(self, server: VoiceServerInfo) -> None:
        """Connect to the voice server that Discord has named."""
        self.on_lost("voice")
        self._repairs.start("voice", self._voice.reconnect(server))

    def on_room_closed(self, closed: RoomClosed, session: VoicebotSession | None) -> None:
        """Join the room anew when the connection to it was lost, unless LiveKit's token is no longer good; else end the
        call."""
        if closed.reason is RoomEnd.CONNECTION_LOST and session is not None and self._may_rejoin(session):
            self._rejoined_room_at = clock.now()
            self.on_lost("room")
            self._repairs.start("room", self._rejoin(session))
        else:
            self._end(_ROOM_ENDS[closed.reason])

    def _may_rejoin(self, session: VoicebotSession) -> bool:
        again = self._rejoined_room_at is not None and clock.now() - self._rejoined_room_at < REJOIN_INTERVAL
        return not again and (session.expires_at is None or session.expires_at > datetime.now(UTC))

    async def _rejoin(self, session: VoicebotSession) -> None:
        self._guards.on_voicebot_gone(clock.now())  # before it may be seen to be there
        await self._join_room(session)

    def _on_repair_done(self, side: Side, error: Exception | None) -> None:
        if error is None:
            if side == "voice":
                self._repaired_voice_at = clock.now()
            self.on_recovered(side)
        else:
            log.warning("%s: the %s connection could not be restored: %s", self._name, side, error)
            lost = EndReason.SEAT_TAKEN if isinstance(error, ChannelFull) else EndReason.VOICE_LOST
            self._end(lost if side == "voice" else EndReason.ROOM_LOST)

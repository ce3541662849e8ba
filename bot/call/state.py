"""The states of a call and the reasons it ends for. Pure: no clock, no I/O."""

from enum import Enum

from bot.language import mark


class CallState(Enum):
    """connecting -> live <-> reconnecting -> ending -> ended; any state before ending may go to ending."""

    CONNECTING = mark("connecting")
    LIVE = mark("live")
    RECONNECTING = mark("reconnecting")
    ENDING = mark("ending")
    ENDED = mark("ended")


class EndReason(Enum):
    """Why a call ended; the value is what people read, as the end of "The call ended because ..."."""

    LEFT = mark("someone sent the bot away")
    EMPTY = mark("everybody had left the voice channel")
    DISCONNECTED = mark("the bot was disconnected from the voice channel")
    MOVED = mark("the bot was moved to another channel")
    CHANNEL_DELETED = mark("the voice channel was deleted")
    SERVER_LEFT = mark("the bot is no longer on this server")
    ROOM_ENDED = mark("the voicebot's side ended it")
    ROOM_REPLACED = mark("another client took the bot's place in the voicebot's room")
    ROOM_LOST = mark("the connection to the voicebot broke")
    VOICEBOT_MISSING = mark("the voicebot never arrived")
    VOICEBOT_GONE = mark("the voicebot went away")
    VOICE_LOST = mark("the connection to Discord's voice server broke")
    SILENCE = mark("nobody had spoken for a long time")
    NOBODY_HEARD = mark("nobody could be heard")
    LIMIT = mark("its time was used up")
    QUIET_HOURS = mark("this server's quiet hours begin")
    GATEWAY_LOST = mark("the connection to Discord was lost for too long")
    SUSPENDED = mark("the bot's machine had been asleep")
    SHUTDOWN = mark("the bot is being restarted")
    NOT_STARTED = mark("it could not be started")
    TOO_LATE = mark("the provider answered too late for it to begin")
    CRASHED = mark("the bot had crashed, and found it open when it came back")
    FORGOTTEN = mark("it was found open, and no call was around it")
    WATCHDOG = mark("the bot had stopped working, and its watchdog ended it")
    OPERATOR = mark("the bot's operator ended it")
    FAILED = mark("something went wrong inside the bot")


class CallStateMachine:
    """Which state follows from what happens to the two connections and to the wish to end."""

    def __init__(self) -> None:
        self.end_reason: EndReason | None = None
        self._connected = False
        self._broken: set[str] = set()
        self._ended = False

    @property
    def state(self) -> CallState:
        if self._ended:
            return CallState.ENDED
        if self.end_reason is not None:
            return CallState.ENDING
        if not self._connected:
            return CallState.CONNECTING
        return CallState.RECONNECTING if self._broken else CallState.LIVE

    @property
    def was_live(self) -> bool:
        """Whether it ever came so far."""
        return self._connected

    def connected(self) -> None:
        """Both sides are up for the first time."""
        self._connected = True

    def broke(self, side: str) -> None:
        """One connection ("voice", "room") was lost and is being repaired."""
        self._broken.add(side)

    def healed(self, side: str) -> None:
        self._broken.discard(side)

    def end(self, reason: EndReason) -> bool:
        """Begin to end; the first reason stands. Whether this call was the first."""
        if self.end_reason is not None:
            return False
        self.end_reason = reason
        return True

    def ended(self) -> None:
        """Everything is closed. An end without a reason is a bug, and is called one."""
        if self.end_reason is None:
            self.end_reason = EndReason.FAILED
        self._ended = True

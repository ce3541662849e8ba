"""The reasons for which a session, and the call around it, ends."""

from enum import Enum

from bot.language import mark


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
    SEAT_TAKEN = mark("the voice channel was full when the bot wanted to come back")
    NOT_ANNOUNCED = mark("people could not be told that they are being heard")
    NOT_STARTED = mark("it could not be started")
    TOO_LATE = mark("the provider answered too late for it to begin")
    CRASHED = mark("the bot had crashed, and found it open when it came back")
    FORGOTTEN = mark("its session was still open although the call had ended")
    WATCHDOG = mark("the bot had stopped working, and its watchdog ended it")
    OPERATOR = mark("the bot's operator ended it")
    FAILED = mark("something went wrong inside the bot")
    #: What the ledger says in the words of another version of Parley.
    OTHER = mark("of a reason that this version of the bot does not know")

"""What each close code of the voice gateway means and what to do about it.

Source: https://discord.com/developers/docs/topics/opcodes-and-status-codes#voice-voice-close-event-codes
"""

from dataclasses import dataclass
from enum import Enum, auto

from bot.language import Text, say


class Remedy(Enum):
    """How a lost voice websocket is dealt with."""

    RESUME = auto()  # same session, new websocket
    FRESH_SESSION = auto()  # leave and join again through the main gateway
    AWAIT_GATEWAY = auto()  # the main gateway will say: moved, kicked, or a new voice server
    GIVE_UP = auto()


@dataclass(frozen=True, slots=True)
class CloseCode:
    """One code's remedy, and its meaning in words a user can read."""

    remedy: Remedy
    meaning: Text


_CODES = {
    4001: CloseCode(Remedy.FRESH_SESSION, say("Discord did not understand a voice message.")),
    4002: CloseCode(Remedy.FRESH_SESSION, say("Discord could not read a voice message.")),
    4003: CloseCode(Remedy.FRESH_SESSION, say("Discord lost track of the voice login.")),
    4004: CloseCode(Remedy.FRESH_SESSION, say("Discord refused the voice login.")),
    4005: CloseCode(Remedy.FRESH_SESSION, say("Discord saw the voice login twice.")),
    4006: CloseCode(Remedy.FRESH_SESSION, say("Discord ended the voice session.")),
    4009: CloseCode(Remedy.FRESH_SESSION, say("The voice session timed out.")),
    4011: CloseCode(Remedy.FRESH_SESSION, say("Discord could not find the voice server.")),
    4012: CloseCode(Remedy.GIVE_UP, say("Discord no longer speaks this voice protocol; Parley needs an update.")),
    4014: CloseCode(Remedy.AWAIT_GATEWAY, say("The bot was disconnected from the voice channel.")),
    4015: CloseCode(Remedy.RESUME, say("Discord's voice server crashed.")),
    4016: CloseCode(Remedy.GIVE_UP, say("Discord refused the encryption mode; Parley needs an update.")),
    4017: CloseCode(Remedy.GIVE_UP, say("Discord requires end-to-end encryption; Parley needs an update.")),
    4020: CloseCode(Remedy.FRESH_SESSION, say("Discord rejected a voice request.")),
    4021: CloseCode(Remedy.GIVE_UP, say("Discord limits how often the bot may connect; try again later.")),
    4022: CloseCode(Remedy.GIVE_UP, say("Discord ended the voice call for everyone.")),
}


#: Not one of Discord's codes: nobody can be decrypted, even after several requests for new keys.
NOBODY_DECRYPTED = CloseCode(
    Remedy.FRESH_SESSION,
    say("Nobody's voice can be decrypted. Everybody needs to leave the voice channel and join it again."),
)


#: Not one of Discord's codes either: our address has changed, and the voice server still sends to the old one.
READDRESSED = CloseCode(Remedy.FRESH_SESSION, say("The bot's network gave it another address."))


def explain(code: int | None) -> CloseCode:
    """Return the entry for a close code; a connection that just broke (None, 1006) or an unknown code is resumed."""
    if code is None or code not in _CODES:
        return CloseCode(Remedy.RESUME, say("The connection to Discord's voice server broke."))
    return _CODES[code]

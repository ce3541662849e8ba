"""Why nobody is heard, in plain words. Pure."""

from dataclasses import dataclass

from bot.language import Text, say
from bot.media.report import SoundReport


@dataclass(frozen=True, slots=True)
class Listeners:
    """How the people in the channel, and the bot itself, are muted by Discord."""

    people: int
    with_consent: int  # to be heard in this call
    muted: int  # people who muted themselves, or whom the server muted
    bot_deafened: bool


def undecryptable(user_id: int) -> Text:
    """Return what people are told of somebody whose keys went wrong in mid-call."""
    return say(
        "I cannot decrypt what {person} says (Discord's end-to-end encryption). "
        "Leaving the voice channel and joining it again helps.",
        person=f"<@{user_id}>",
    )


#: What people are told when that goes on beside others who are heard.
UNOWNED = say(
    "Somebody is speaking, but Discord does not say who it is, and I cannot decrypt it. If you are not heard, "
    "leave the voice channel and join it again."
)


def diagnosis(sound: SoundReport, listeners: Listeners) -> Text | None:
    """Return one sentence that says why nobody was heard, with the way out; None when somebody was."""
    if sound.packets_heard > 0:
        return None
    if sound.packets_unowned > sound.packets_undecryptable:
        return say(
            "Sound arrives, but Discord does not say whose it is, and nobody's keys open it. Everybody needs to "
            "leave the voice channel and join it again."
        )
    if sound.packets_undecryptable > 0:
        return say(
            "Sound arrives, but it cannot be decrypted (Discord's end-to-end encryption, DAVE). "
            "Leave the voice channel and join it again."
        )
    if listeners.bot_deafened:
        return say("I am deafened on this server, so Discord sends me no sound. A moderator can undo that.")
    if listeners.people and not listeners.with_consent:
        return say("Nobody in the channel has agreed to be heard. If you want to be heard, type `/voicebot unmute`.")
    if listeners.people and listeners.muted >= listeners.people:
        return say("Everybody in the channel is muted.")
    return say(
        "No sound arrives from anybody. Is the right microphone chosen, does its light move in Discord, and may you "
        "speak in this channel?"
    )

"""`/voicebot doctor`: why somebody is not heard, or a call cannot begin, in plain words with the way out. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from bot.api import (
    DEAFENED,
    MUTED,
    SoundReport,
    SpeakerReport,
    Text,
    in_language,
    needed_in_text,
    needed_in_voice,
    say,
    say_n,
)

from ..messages import mostly_undecryptable, speaker_line

#: dB of full scale below which somebody is too quiet to be understood.
QUIET_BELOW = -50.0
#: Share of a person's packets that may be lost before words are lost, too.
LOSSY_ABOVE = 0.1
#: Share of packets without a known owner above which somebody counts as not heard. A person who talks alone sends
#: nearly all packets, and one who left early in a long call without being identified no longer matters.
UNOWNED_ABOVE = 0.1
#: Packets of 20 ms before a share of them says anything.
MIN_PACKETS = 100
#: People with a line of their own; what is wrong with so many fits into a message in every language.
MAX_PEOPLE = 9


class Mark(Enum):
    """How a finding is shown."""

    GOOD = "✅"
    WARNING = "⚠️"
    BAD = "❌"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    mark: Mark
    text: str  # a Text, mostly


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the voice channel, as Discord and the call see them."""

    user_id: int
    muted: bool = False  # by themselves
    server_muted: bool = False
    without_consent: bool = False  # to be heard
    sound: SpeakerReport | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The channels, and what the bot may not do there, by Discord's names."""

    voice_channel: str | None  # a mention
    text_channel: str | None
    missing_in_voice: tuple[str, ...] = ()
    missing_in_text: tuple[str, ...] = ()
    bot_muted: bool = False
    bot_deafened: bool = False


@dataclass(frozen=True, slots=True)
class RunningCall:
    """What a call knows of itself."""

    live: bool
    voicebot_there: bool
    sound: SoundReport


def examine(
    place: Place, provider: Finding, call: RunningCall | None, people: Iterable[Person], *, hidden: bool = False
) -> Iterator[Finding]:
    """Return all findings, from what a call needs to single voices. `provider` is what asking it has shown.

    `hidden` means that there is a call that the person who asks may not see.
    """
    yield from _place(place)
    yield provider
    if hidden:
        text = say("There is a call in a voice channel that you cannot see, so I do not say who is in it.")
        yield Finding(Mark.WARNING, text)
        return
    if call is None:
        yield Finding(Mark.WARNING, say("There is no call. `/voicebot test` tries the sound out, and costs nothing."))
        return
    yield from _call(call)
    yield from _people([_person(person) for person in people])


def _people(found: list[Finding]) -> Iterator[Finding]:
    """Those with a trouble first; of a crowd those who are heard well only as a number, so that all fits a message."""
    if not found:
        yield Finding(Mark.WARNING, say("Nobody is in the voice channel."))
    troubles = sorted((one for one in found if one.mark is not Mark.GOOD), key=lambda one: one.mark is not Mark.BAD)
    well = [one for one in found if one.mark is Mark.GOOD]
    yield from troubles[:MAX_PEOPLE]
    if len(troubles) > MAX_PEOPLE:
        count = len(troubles) - MAX_PEOPLE
        yield Finding(
            Mark.WARNING,
            say_n("{count} more person is not heard well.", "{count} more people are not heard well.", count=count),
        )
    room = max(0, MAX_PEOPLE - len(troubles))
    yield from well[:room]
    if len(well) > room:
        count = len(well) - room
        yield Finding(Mark.GOOD, say_n("{count} more person is heard.", "{count} more people are heard.", count=count))


def _place(place: Place) -> Iterator[Finding]:
    if place.voice_channel is None:
        yield Finding(Mark.WARNING, say("Join a voice channel, and I can look at it too."))
    elif place.missing_in_voice:
        yield Finding(Mark.BAD, needed_in_voice(place.missing_in_voice, place.voice_channel))
    else:
        yield Finding(Mark.GOOD, say("I may hear and speak in {channel}.", channel=place.voice_channel))
    if place.text_channel is None:
        yield Finding(Mark.BAD, say("The text channel in this server's settings is gone, or I cannot see it."))
    elif place.missing_in_text:
        yield Finding(Mark.BAD, needed_in_text(place.missing_in_text, place.text_channel))
    else:
        yield Finding(Mark.GOOD, say("I may write in {channel}.", channel=place.text_channel))
    if place.bot_muted:
        yield Finding(Mark.BAD, MUTED)
    if place.bot_deafened:
        yield Finding(Mark.BAD, DEAFENED)


def _call(call: RunningCall) -> Iterator[Finding]:
    if not call.live:
        yield Finding(Mark.WARNING, say("The call is just being connected, or reconnected."))
    elif call.voicebot_there:
        yield Finding(Mark.GOOD, say("The voicebot is connected."))
    else:
        yield Finding(Mark.WARNING, say("The voicebot is not in its room. The call ends by itself if it stays away."))
    if mostly_undecryptable(call.sound):
        yield Finding(
            Mark.BAD,
            say(
                "Most of what arrives cannot be decrypted. Everybody needs to leave the voice channel "
                "and join it again."
            ),
        )
    elif call.sound.packets_unowned >= max(MIN_PACKETS, UNOWNED_ABOVE * call.sound.packets_received):
        yield Finding(
            Mark.BAD,
            say(
                "{count} packets came from somebody whom Discord has not identified, and nobody's keys open "
                "them. Anyone who is not heard can leave the voice channel and join it again.",
                count=call.sound.packets_unowned,
            ),
        )
    elif call.sound.privacy_code is not None:
        yield Finding(
            Mark.GOOD,
            say("End-to-end encryption is agreed, privacy code `{code}`.", code=call.sound.privacy_code),
        )
    else:
        yield Finding(Mark.WARNING, say("End-to-end encryption is not agreed yet."))


def _person(person: Person) -> Finding:
    who, sound = f"<@{person.user_id}>", person.sound
    packets = 0 if sound is None else sound.packets
    lost = 0 if sound is None else sound.undecryptable
    if person.without_consent:
        return Finding(
            Mark.WARNING,
            say("{person} has not agreed to be heard, or asked not to be. `/voicebot unmute` changes it.", person=who),
        )
    if person.server_muted:
        return Finding(Mark.BAD, say("{person} is muted by this server. A moderator can undo it.", person=who))
    if person.muted:
        return Finding(Mark.WARNING, say("{person} has muted their microphone in Discord.", person=who))
    if lost > packets:
        return Finding(
            Mark.BAD,
            say(
                "{person} cannot be decrypted ({count} packets). Leaving the voice channel and joining it again helps.",
                person=who,
                count=lost,
            ),
        )
    if sound is None or not packets:
        return Finding(
            Mark.WARNING,
            say(
                "Nothing arrives from {person}. If they speak: is the right microphone chosen, and does its light move "
                "in Discord?",
                person=who,
            ),
        )
    return _voice(who, sound)


def _voice(who: str, sound: SpeakerReport) -> Finding:
    if sound.packets >= MIN_PACKETS and sound.lost > LOSSY_ABOVE * sound.packets:
        percent = round(100 * sound.lost / (sound.packets + sound.lost))
        return Finding(
            Mark.WARNING,
            say(
                "{person} is heard, but {percent} % is lost on the way: their line is bad.", person=who, percent=percent
            ),
        )
    if sound.level < QUIET_BELOW:
        return Finding(
            Mark.WARNING,
            say(
                "{person} is heard, but very quietly ({level} dB). They can turn up their microphone in Discord.",
                person=who,
                level=round(sound.level),
            ),
        )
    return Finding(
        Mark.GOOD,
        say(
            "{person} is heard ({level} dB, {packets} packets).",
            person=who,
            level=round(sound.level),
            packets=sound.packets,
        ),
    )


def report(findings: Iterable[Finding], language: str) -> str:
    """Write the findings, one line for each."""
    return "\n".join(f"{finding.mark.value} {in_language(finding.text, language)}" for finding in findings)


def echo_result(sound: SoundReport, diagnosis: Text | None, language: str) -> str:
    """Return what an echo test has found: who was heard, and how well."""
    lines = [say("The test is over, and nothing was billed.").to(language)]
    if diagnosis is not None:
        lines.append(f"{Mark.BAD.value} {diagnosis.to(language)}")
    lines += [f"{Mark.GOOD.value} {speaker_line(speaker, language).to(language)}" for speaker in sound.speakers]
    return "\n".join(lines)

"""The numbers of one call's sound as they stand: for status, tests and metrics. Cheap to take, immutable."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.bridge.speaker import Speaker
from bot.bridge.voices import Voices
from bot.room.connection import RoomConnection
from bot.voice.connection import VoiceConnection

_FULL_SCALE = 32_768.0


@dataclass(frozen=True, slots=True)
class SpeakerReport:
    """One person. Packets are RTP of 20 ms; times are in seconds."""

    user_id: int
    packets: int
    lost: int
    late: int
    concealed: int
    undecryptable: int
    level: float  # of the last spoken words, dB of full scale
    jitter: float
    delay: float  # between the fastest packet's arrival and the tick it is played at
    speaking: bool


@dataclass(frozen=True, slots=True)
class SoundReport:
    """One call. Frames are 20 ms, packets are RTP, times in seconds."""

    packets_received: int = 0
    packets_undecryptable: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    frames_to_room: int = 0
    frames_to_discord: int = 0
    frames_dropped: int = 0
    frames_starved: int = 0
    ticks_skipped: int = 0
    ticks_late: int = 0
    delay_to_room: float = 0.0  # the longest of those who were heard
    delay_to_discord: float = 0.0
    interruptions: int = 0
    dave_recoveries: int = 0
    privacy_code: str | None = None
    speakers: tuple[SpeakerReport, ...] = ()


def decibels(level: float) -> float:
    """A root mean square of 0 to 32768 as dB of full scale; -96 for silence."""
    return max(-96.0, 20 * math.log10(max(level, 1e-6) / _FULL_SCALE))


def report(
    voice: VoiceConnection | None,
    room: RoomConnection | None,
    speakers: Mapping[int, Speaker],
    voices: Voices,
    ticks: tuple[int, int],
    interruptions: int,
) -> SoundReport:
    """All counters at once; `ticks` are those skipped and those late."""
    undecryptable = {} if voice is None else voice.receiver.stats.undecryptable
    people = {
        user_id: _of_speaker(user_id, speaker, undecryptable.get(user_id, 0)) for user_id, speaker in speakers.items()
    }
    for user_id, packets in undecryptable.items():
        if user_id not in people:
            people[user_id] = SpeakerReport(user_id, 0, 0, 0, 0, packets, -96.0, 0.0, 0.0, False)
    return SoundReport(
        packets_received=0 if voice is None else voice.receiver.stats.received,
        packets_undecryptable=sum(undecryptable.values()),
        packets_lost=sum(person.lost for person in people.values()),
        packets_late=sum(person.late for person in people.values()),
        frames_to_room=0 if room is None else room.frames_fed,
        frames_to_discord=0 if voice is None else voice.sender.stats.sent,
        frames_dropped=voices.dropped + (0 if room is None else room.frames_dropped),
        frames_starved=voices.starved,
        ticks_skipped=ticks[0],
        ticks_late=ticks[1],
        delay_to_room=max((person.delay for person in people.values()), default=0.0),
        delay_to_discord=voices.delay,
        interruptions=interruptions,
        dave_recoveries=0 if voice is None else voice.dave.recoveries,
        privacy_code=None if voice is None else voice.dave.privacy_code,
        speakers=tuple(people.values()),
    )


def _of_speaker(user_id: int, speaker: Speaker, undecryptable: int) -> SpeakerReport:
    stats = speaker.buffer.stats
    return SpeakerReport(
        user_id=user_id,
        packets=speaker.packets,
        lost=stats.lost,
        late=stats.late,
        concealed=speaker.concealed,
        undecryptable=undecryptable,
        level=decibels(speaker.spoken_level),
        jitter=speaker.buffer.delay.jitter,
        delay=speaker.delay,
        speaking=speaker.activity.speaking,
    )

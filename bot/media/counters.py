"""The counters of a call's sound, added up over its current parts and those that are gone. Cheap to read.

The totals are for the whole call: counts of closed voice sessions, rooms and of people who left stay in them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.bridge.speaker import Speaker
from bot.bridge.track_mixer import TrackMixer

from .echo import Echo
from .prompt import Prompt
from .report import SoundReport, SpeakerReport

if TYPE_CHECKING:
    from bot.room.connection import RoomConnection
    from bot.voice.connection import VoiceConnection

_FULL_SCALE = 32_768.0


@dataclass(slots=True)
class PersonCounts:
    """What was counted of one person, in packets and frames, whatever came and went meanwhile."""

    packets: int = 0
    late: int = 0
    duplicate: int = 0
    dropped: int = 0
    concealed: int = 0
    undecodable: int = 0

    def add(self, speaker: Speaker) -> None:
        """Add one speaker's counts to the totals."""
        stats = speaker.buffer.stats
        self.packets += speaker.packets
        self.late += stats.late
        self.duplicate += stats.duplicate
        self.dropped += stats.dropped
        self.concealed += speaker.concealed
        self.undecodable += speaker.undecodable


@dataclass(slots=True)
class ClosedTotals:
    """What was counted by connections and for people that are gone, in packets and frames; ticks before the call."""

    received: int = 0
    refused: int = 0
    early: int = 0
    unowned: int = 0
    heard: int = 0
    undecryptable: dict[int, int] = field(default_factory=dict)  # by user id
    lost: dict[int, int] = field(default_factory=dict)  # by user id
    people: dict[int, PersonCounts] = field(default_factory=dict)  # by user id
    to_discord: int = 0
    without_keys: int = 0
    to_room: int = 0
    dropped: int = 0
    recoveries: int = 0
    ticks: tuple[int, int] = (0, 0)  # skipped, late

    def add_voice(self, voice: "VoiceConnection") -> None:
        """Add the counts of a voice session that is over."""
        stats = voice.receiver.stats
        self.received += stats.received
        self.refused += stats.not_authentic + stats.malformed
        self.early += stats.unknown_ssrc
        self.unowned += sum(stats.unowned.values())
        self.heard += stats.heard
        for own, counted in ((self.undecryptable, stats.undecryptable), (self.lost, stats.lost)):
            for user_id, packets in counted.items():
                own[user_id] = own.get(user_id, 0) + packets
        self.to_discord += voice.sender.stats.sent
        self.without_keys += voice.sender.stats.no_keys
        self.recoveries += voice.dave.recoveries

    def add_room(self, room: "RoomConnection | Echo | Prompt") -> None:
        """Add the counts of a room that was left."""
        self.to_room += room.stats.fed
        self.dropped += room.stats.dropped + room.stats.refused

    def add_speaker(self, user_id: int, speaker: Speaker) -> None:
        """Add the counts of somebody who left the channel, or is not to be heard any more."""
        self.people.setdefault(user_id, PersonCounts()).add(speaker)

    def copy(self) -> "ClosedTotals":
        """Return a copy, to which what goes on can be added."""
        people = {user_id: replace(counts) for user_id, counts in self.people.items()}
        return replace(self, undecryptable=dict(self.undecryptable), lost=dict(self.lost), people=people)


def decibels(level: float) -> float:
    """Return a root mean square of 0 to 32768 as dB of full scale; -96 for silence."""
    return max(-96.0, 20 * math.log10(max(level, 1e-6) / _FULL_SCALE))


def make_report(
    voice: "VoiceConnection | None",
    room: "RoomConnection | Echo | Prompt | None",
    speakers: Mapping[int, Speaker],
    voices: TrackMixer,
    *,
    ticks: tuple[int, int] = (0, 0),
    interruptions: int = 0,
    past: ClosedTotals | None = None,
    lateness: float = 0.0,
) -> SoundReport:
    """Read all counters at once; `ticks` are those skipped and those late since the process started."""
    past = ClosedTotals() if past is None else past
    total = past.copy()
    if voice is not None:
        total.add_voice(voice)
    if room is not None:
        total.add_room(room)
    for user_id, speaker in speakers.items():
        total.add_speaker(user_id, speaker)
    named = {**total.people, **total.undecryptable}  # those whose every packet is undecryptable have no speaker
    people = {user_id: _of_person(user_id, speakers.get(user_id), total) for user_id in named}
    return SoundReport(
        packets_received=total.received,
        packets_refused=total.refused,
        packets_early=total.early,
        packets_unowned=total.unowned,
        packets_heard=total.heard,
        packets_undecryptable=sum(total.undecryptable.values()),
        packets_lost=sum(total.lost.values()),
        packets_late=sum(person.late for person in people.values()),
        frames_to_room=total.to_room,
        frames_to_discord=total.to_discord,
        frames_without_keys=total.without_keys,
        frames_dropped=voices.dropped + total.dropped,
        frames_starved=voices.starved,
        ticks_skipped=ticks[0] - past.ticks[0],
        ticks_late=ticks[1] - past.ticks[1],
        tick_lateness=lateness,
        delay_to_room=max((person.delay for person in people.values()), default=0.0),
        delay_to_discord=voices.delay,
        interruptions=interruptions,
        dave_recoveries=total.recoveries,
        privacy_code=None if voice is None else voice.dave.privacy_code,
        speakers=tuple(people.values()),
    )


def _of_person(user_id: int, speaker: Speaker | None, total: ClosedTotals) -> SpeakerReport:
    """`speaker` is None for one who is not heard at the moment."""
    counts = total.people.get(user_id, PersonCounts())
    counted = SpeakerReport(
        user_id=user_id,
        packets=counts.packets,
        lost=total.lost.get(user_id, 0),
        late=counts.late,
        duplicate=counts.duplicate,
        dropped=counts.dropped,
        concealed=counts.concealed,
        undecryptable=total.undecryptable.get(user_id, 0),
        undecodable=counts.undecodable,
    )
    if speaker is None:
        return counted
    return replace(
        counted,
        level=decibels(speaker.spoken_level),
        jitter=speaker.buffer.delay.jitter,
        delay=speaker.delay,
        depth=speaker.buffer.delay.depth,
        speaking=speaker.activity.speaking,
    )

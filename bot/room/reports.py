"""What the flight recorder is told of a room."""

from collections.abc import Sequence
from typing import Literal

from livekit import rtc

from bot.provider import RoomMessage, Utterance
from bot.recorder.events import RoomData, RoomParticipant, RoomStream, RoomTrack
from bot.recorder.recorder import Recorder


class RoomReports:
    """Reports what happens in one room, if anything is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def participant(self, what: Literal["there", "joined", "left"], participant: rtc.Participant) -> None:
        """Report that a participant was there already, came or left."""
        if self._recorder.active:
            identity, attributes = participant.identity, dict(participant.attributes)
            self._recorder.note(RoomParticipant(what, identity, _kind(participant), attributes))

    def track(self, what: Literal["came", "gone"], track: rtc.Track, participant: rtc.Participant) -> None:
        """Report that a participant's track can be heard or seen, or no more."""
        if self._recorder.active:
            media: Literal["audio", "video"] = "audio" if track.kind == rtc.TrackKind.KIND_AUDIO else "video"
            self._recorder.note(RoomTrack(what, track.sid, media, participant.identity))

    def data(self, packet: rtc.DataPacket, sender: str, messages: Sequence[RoomMessage]) -> None:
        """Report a data packet, and what the provider has read in it."""
        if self._recorder.active:
            kind = None if packet.participant is None else _kind(packet.participant)
            read = tuple(map(_summary, messages))
            self._recorder.note(RoomData(packet.topic, kind, sender, bytes(packet.data), read))

    def stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        """Report that a text stream begins."""
        if self._recorder.active:
            info = reader.info
            self._recorder.note(RoomStream(info.topic, identity, info.size, dict(info.attributes or {})))


def _kind(participant: rtc.Participant) -> str:
    """Return LiveKit's name for it, such as AGENT or STANDARD."""
    try:
        return str(rtc.ParticipantKind.Name(participant.kind)).removeprefix("PARTICIPANT_KIND_")
    except ValueError:  # a kind that this SDK does not know
        return str(int(participant.kind))


def _summary(message: RoomMessage) -> str:
    if isinstance(message, Utterance):
        return f"line of the {message.role}, {'final' if message.final else 'interim'}"
    return f"picture by {'key' if message.url is None else 'address'}"

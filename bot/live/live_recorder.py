"""The flight record of the live check's call. It stays open when the call has ended, since the check goes on, and the
check sees what is reported."""

import time
from collections import deque
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bot.call.flight_records import FlightRecords
from bot.config.model import ServerSettings
from bot.media.events import VoicebotSpeaking
from bot.provider import Utterance
from bot.recorder.events import Direction
from bot.recorder.folder import SUFFIX
from bot.recorder.recorder import Recorder

from .packet_times import PacketTimes

#: Lines that are kept of the call.
MAX_LINES = 200


class Listening(Recorder):
    """Notes when packets of sound come and go, and nothing else."""

    def __init__(self) -> None:
        self.packets = PacketTimes()

    def datagram(self, direction: Direction, datagram: bytes) -> None:
        """Note when a datagram came or went."""
        self.packets.note(direction, datagram, time.monotonic())


class LiveRecorder(Listening):
    """Writes the flight record, and shows the check what it waits for. It may be called from two threads."""

    active = True

    def __init__(self, written: Recorder) -> None:
        super().__init__()
        self._written = written
        #: Finished lines of people, newest last.
        self.lines: deque[str] = deque(maxlen=MAX_LINES)
        #: Whether the voicebot is speaking, and when it was last found to begin or to end, by `time.monotonic()`.
        self.voicebot_speaking = False
        self.voicebot_changed_at = 0.0
        #: How often it has begun to speak.
        self.answers = 0

    def note(self, event: Any) -> None:
        """Keep one of `bot.recorder.events`, as it is."""
        self._written.note(event)

    def happened(self, event: Any) -> None:
        """Keep one of the call's own events."""
        if isinstance(event, Utterance) and event.final and event.role == "user":
            self.lines.append(event.text)
        elif isinstance(event, VoicebotSpeaking):
            self.voicebot_speaking, self.voicebot_changed_at = event.speaking, event.at
            self.answers += event.speaking
        self._written.happened(event)

    def datagram(self, direction: Direction, datagram: bytes) -> None:
        """Note a datagram's time, and keep a sample."""
        super().datagram(direction, datagram)
        self._written.datagram(direction, datagram)

    def finish(self) -> None:
        """End the flight record; `close`, which a call asks for at its own end, does nothing."""
        self._written.close()


class LiveRecords(FlightRecords):
    """Begins the one flight record of a live check."""

    more = MappingProxyType({"live_check": True})

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder
        self._call_id: str | None = None
        #: The settings of the check's call, by which it is known.
        self.settings: ServerSettings | None = None
        self.recorder: LiveRecorder | None = None

    @property
    def file(self) -> Path | None:
        """The file of the record; None when no call was begun, or the disk took nothing."""
        return next(iter(self._path.glob(f"*-{self._call_id}{SUFFIX}")), None) if self._call_id else None

    def begin(self, call_id: str, settings: ServerSettings) -> Recorder:
        """Begin the flight record of the check's call; any other call has its own."""
        recorder = super().begin(call_id, settings)
        if settings is not self.settings or self.recorder is not None:
            return recorder
        self._call_id, self.recorder = call_id, LiveRecorder(recorder)
        return self.recorder

    def close(self) -> None:
        """Write what was reported, and end; it waits for the disk for a short time."""
        if self.recorder is not None:
            self.recorder.finish()
        super().close()

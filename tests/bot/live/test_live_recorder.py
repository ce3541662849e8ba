"""The live check's record outlives its call, and shows what the check waits for."""

import json
import struct
from pathlib import Path
from typing import Any

from bot.config.model import ServerSettings
from bot.live.live_recorder import LiveRecorder, LiveRecords
from bot.media.events import VoicebotSpeaking
from bot.provider import Utterance
from bot.recorder.events import Probe
from bot.recorder.recorder import Recorder


class Written(Recorder):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def note(self, event: Any) -> None:
        self.told.append(event)

    def happened(self, event: Any) -> None:
        self.told.append(event)

    def datagram(self, direction: str, datagram: bytes) -> None:
        self.told.append((direction, datagram))

    def close(self) -> None:
        self.told.append("closed")


def test_everything_is_passed_on() -> None:
    written = Written()
    recorder = LiveRecorder(written)
    datagram = struct.pack(">BBHII", 0x80, 0x78, 1, 960, 5)
    recorder.note(Probe("key"))
    recorder.happened(VoicebotSpeaking(True, 1.0))
    recorder.datagram("in", datagram)
    assert written.told == [Probe("key"), VoicebotSpeaking(True, 1.0), ("in", datagram)]
    assert list(recorder.packets.received) == [960]


def test_finished_lines_of_people_are_kept() -> None:
    recorder = LiveRecorder(Recorder())
    recorder.happened(Utterance("user", "What ti", final=False))
    recorder.happened(Utterance("voicebot", "Hello!", final=True))
    recorder.happened(Utterance("user", "What time?", final=True))
    assert list(recorder.lines) == ["What time?"]


def test_the_voicebots_turns_are_counted() -> None:
    recorder = LiveRecorder(Recorder())
    for at, speaking in ((1.0, True), (2.0, False), (5.0, True)):
        recorder.happened(VoicebotSpeaking(speaking, at))
    assert (recorder.answers, recorder.voicebot_speaking, recorder.voicebot_changed_at) == (2, True, 5.0)


def test_the_end_of_the_call_does_not_end_the_record(tmp_path: Path) -> None:
    records = LiveRecords(tmp_path / "records")
    assert records.file is None
    records.settings = ServerSettings()
    assert records.begin("0000", ServerSettings()) is not records.recorder, "somebody else's call, before the check's"
    recorder = records.begin("5f3a", records.settings)
    assert recorder is records.recorder
    recorder.close()  # as the call does
    recorder.note(Probe("ended"))
    other = records.begin("77aa", records.settings)
    assert other is not recorder, "a call that somebody starts meanwhile has its own"
    other.close()
    records.close()
    records.close()
    assert records.file is not None
    lines = [json.loads(line) for line in records.file.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["record", "probe", "end of record"]
    assert lines[1]["what"] == "ended"
    assert lines[0]["live_check"] is True
    assert records.file.name.endswith("-5f3a.jsonl")

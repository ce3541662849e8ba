"""The flight record of a call: its states, what happens in it, and how its sound was at the end."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.billing.end_reason import EndReason
from bot.call.flight_records import LIBRARIES, FlightRecords
from bot.config.model import ServerSettings
from bot.errors import ParleyError
from bot.media.events import SpeakingChanged, VoicebotSpeaking
from bot.provider import Utterance
from bot.recorder.exchanges import Exchange, observer
from bot.recorder.recorder import NOT_RECORDED
from tests.bot.call.fakes import ANN, Play
from tests.support import eventually


class Recorded:
    """A call that is recorded, and what was written when it is over."""

    def __init__(self, play: Play, folder: Path) -> None:
        self.folder = folder
        self.records = FlightRecords(folder)
        self.play = play
        self.play.services = replace(self.play.services, new_recorder=self.records.begin)
        self.play.media.clear()
        self.play.call = self.play._make_call()

    def entries(self) -> list[dict[str, Any]]:
        self.play.call.recorder.close()
        self.records.close()
        (file,) = self.folder.iterdir()
        return [json.loads(line) for line in file.read_text().splitlines()]


async def test_a_call_is_recorded_from_its_begin_to_its_end(play: Callable[..., Play], tmp_path: Path) -> None:
    recorded = Recorded(play(), tmp_path / "records")
    call = recorded.play.call
    running = asyncio.create_task(call.run())
    await call.live
    recorded.play.happens(SpeakingChanged(ANN, True, 1.0))
    recorded.play.happens(SpeakingChanged(ANN, False, 3.3, 0.06))
    recorded.play.happens(Utterance("user", "Where is the museum?", True))
    recorded.play.happens(VoicebotSpeaking(True, 4.1, arrived=4.0, played=4.05))
    await eventually(lambda: call.turns != (), 5)
    call.end(EndReason.LEFT, ANN)
    await running
    entries = recorded.entries()
    assert [entry["state"] for entry in entries if entry["kind"] == "state"] == ["LIVE", "ENDING", "ENDED"]
    assert [entry["reason"] for entry in entries if entry["kind"] == "state" and "reason" in entry] == ["LEFT", "LEFT"]
    events = [entry["event"] for entry in entries if entry["kind"] == "event"]
    assert events == ["SpeakingChanged", "SpeakingChanged", "Utterance", "VoicebotSpeaking", "Turn", "SoundReport"]
    (turn,) = [entry for entry in entries if entry.get("event") == "Turn"]
    assert (turn["carried_in"], turn["voice"], turn["heard"]) == (0.06, 1.0, 1.05)
    assert "museum" not in json.dumps(entries)
    assert entries[0]["provider"] == "valsea"
    assert set(entries[0]["libraries"]) == set(LIBRARIES)
    assert entries[-1]["kind"] == "end of record"


async def test_requests_of_the_call_are_reported_to_it(play: Callable[..., Play], tmp_path: Path) -> None:
    recorded = Recorded(play(), tmp_path / "records")

    async def opens(record: Any, participant: str) -> Any:
        report = observer.get()
        assert report is not None
        report(Exchange(method="POST", host="h", path="/v1/session", status=402))
        raise ParleyError("no credits")

    recorded.play.services.opener.open = opens  # type: ignore[method-assign]
    running = asyncio.create_task(recorded.play.call.run())
    with pytest.raises(ParleyError):
        await recorded.play.call.live
    await running
    assert observer.get() is None  # it was set for that call alone
    seen = [entry for entry in recorded.entries() if entry["kind"] == "provider"]
    assert [(entry["request"], entry["status"]) for entry in seen] == [("POST /v1/session", 402)]


async def test_what_is_not_recorded_costs_nothing(tmp_path: Path) -> None:
    records = FlightRecords(None)
    assert records.begin("c1", ServerSettings()) is NOT_RECORDED
    records.close()
    assert list(tmp_path.iterdir()) == []

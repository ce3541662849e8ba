"""People's voices on their way into the room, tick by tick, with real codecs."""

import weakref

import numpy as np

from bot.bridge import Frame
from bot.media.counters import ClosedTotals
from bot.media.events import SpeakingChanged
from bot.media.settings import SoundSettings
from bot.media.uplink import TAIL_SECONDS, Uplink
from bot.voice.opus import Encoder
from bot.voice.receive import OpusPacket
from tests.bot.media.sounds import voice

ANN, BOB = 1, 2
FRAME = 0.02  # seconds


class Room:
    """Notes what it is fed."""

    held = 0.0

    def __init__(self) -> None:
        self.fed: list[Frame] = []

    def feed(self, frame: Frame) -> None:
        self.fed.append(frame)


class People:
    """People who speak into an uplink; a tick is 20 ms."""

    def __init__(self) -> None:
        self.events: list[SpeakingChanged] = []
        self.totals = ClosedTotals()
        self.uplink = Uplink(SoundSettings(level_balance=False), self.totals, self.events.append)
        self.room = Room()
        self.now = 10.0
        self._tick = 0
        self._encoders: dict[int, Encoder] = {}

    def tick(self, **said: Frame) -> Frame | None:
        for name, frame in said.items():
            user_id = {"ann": ANN, "bob": BOB}[name]
            payload = self._encoders.setdefault(user_id, Encoder()).encode(frame)
            self.uplink.push(OpusPacket(user_id, user_id, self._tick, self._tick * 960, payload), self.now)
        self._tick += 1
        self.now += FRAME
        mixed = self.uplink.mix(self.now)
        self.uplink.feed(self.room, mixed, self.now)
        return mixed


def test_two_people_at_once_are_one_frame_per_tick() -> None:
    people = People()
    for ann, bob in zip(voice(1.0, pitch=120), voice(1.0, pitch=230), strict=True):
        people.tick(ann=ann, bob=bob)
    assert set(people.uplink.spoken) == {ANN, BOB}
    assert 45 <= len(people.room.fed) <= 50
    assert [(event.user_id, event.speaking) for event in people.events] == [(ANN, True), (BOB, True)]


def test_after_the_last_word_silence_is_sent_for_a_while_and_then_nothing() -> None:
    people = People()
    for frame in voice(0.5):
        people.tick(ann=frame)
    spoken = len(people.room.fed)
    for _ in range(200):
        people.tick()
    tail = people.room.fed[spoken:]
    assert TAIL_SECONDS / FRAME - 2 <= len(tail) <= TAIL_SECONDS / FRAME + 15  # what was held, and concealment
    assert not any(frame.any() for frame in tail[-50:])
    assert people.events[-1].speaking is False


def test_nobody_is_carried_into_a_room_that_is_being_replaced() -> None:
    people = People()
    for frame in voice(0.3):
        people.tick(ann=frame)
    mixed = people.uplink.mix(people.now)
    assert mixed is not None
    assert np.abs(mixed).max() > 0


def test_one_who_leaves_in_mid_word_fades_out_is_reported_and_stays_counted() -> None:
    people = People()
    for frame in voice(0.5):
        people.tick(ann=frame)
    speaker = weakref.ref(people.uplink.speakers[ANN])
    people.uplink.remove(ANN, people.now)
    assert people.uplink.speakers == {}
    assert people.events[-1] == SpeakingChanged(ANN, False, people.now, people.events[-1].delay)
    assert 0.0 < people.events[-1].delay < 0.3
    assert people.totals.people[ANN].packets == 25
    last = people.tick()
    assert last is not None
    assert abs(int(last[-1])) < 200  # faded
    assert people.tick() is None
    assert speaker() is None, "decoders of people who left would pile up"


def test_someone_who_was_never_heard_can_leave() -> None:
    people = People()
    people.uplink.remove(BOB, people.now)
    assert people.events == []


def test_whether_anyone_speaks_leaves_out_whom_one_names() -> None:
    people = People()
    for frame in voice(0.5):
        people.tick(ann=frame)
    assert people.uplink.is_anyone_speaking(besides=())
    assert not people.uplink.is_anyone_speaking(besides={ANN})

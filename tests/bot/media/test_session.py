"""The sound of a call with nothing on the wire: real codecs, and a voice session and a room that note what they get."""

import asyncio
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import rms
from bot.media.events import MediaEvent, Unowned
from bot.media.report import SoundReport
from bot.media.session import MediaSession
from bot.media.settings import SoundSettings
from bot.media.tap import AudioTap
from bot.media.ticker import INTERVAL, Ticker
from bot.room.events import AgentState
from bot.room.stats import FeedStats
from bot.voice.opus import Encoder
from bot.voice.receive import OpusPacket, ReceiveStats
from bot.voice.send import SendStats
from sandbox.people.speech import speak

ANN, BOB = 1, 2


class Clock:
    """What a session needs of the media loop; time is a number."""

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.now = 100.0

    def time(self) -> float:
        return self.now


class Voice:
    """A voice session that notes which frames were sent, by tick, and at which ticks there were none."""

    def __init__(self) -> None:
        self.sent: dict[int, Frame] = {}
        self.lead_ins: list[int] = []
        self.receiver = SimpleNamespace(stats=ReceiveStats())
        self.sender = SimpleNamespace(stats=SendStats())
        self.dave = SimpleNamespace(recoveries=0, privacy_code=None)

    def send_frame(self, frame: Frame, tick: int) -> None:
        self.sent[tick] = frame
        self.sender.stats.sent += 1

    def send_lead_in(self, tick: int) -> None:
        self.lead_ins.append(tick)

    def send_pause(self, tick: int) -> None: ...

    async def close(self) -> None: ...


class Room:
    """A room that notes what it is fed."""

    def __init__(self) -> None:
        self.fed: list[Frame] = []
        self.stats = FeedStats()
        self.held = 0.0

    def feed(self, frame: Frame) -> None:
        self.fed.append(frame)
        self.stats.fed += 1

    async def leave(self) -> None: ...


class Desk:
    """A session in a call, ticking by hand."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.events: list[MediaEvent] = []
        loop: Any = self.clock
        self.session = MediaSession(
            loop, SoundSettings(**settings), read_packet=lambda payload: (), post=self.events.append
        )
        self.voice, self.room = Voice(), Room()
        self.session._voice, self.session._room = self.voice, self.room  # type: ignore[assignment]
        self.tick = 0
        self._encoders: dict[int, Encoder] = {}

    def say(self, user_id: int, frame: Frame) -> None:
        """A packet of somebody's arrives."""
        encoder = self._encoders.setdefault(user_id, Encoder())
        packet = OpusPacket(user_id, user_id, self.tick, self.tick * FRAME_SAMPLES, encoder.encode(frame))
        self.session._on_packet(packet)

    def voicebot_says(self, frame: Frame, track: str = "voice") -> None:
        self.session._on_frame(track, frame)

    def beat(self) -> None:
        """20 ms pass."""
        self.tick += 1
        self.clock.now += INTERVAL
        self.session._tick(self.tick, self.clock.now)

    async def numbers(self) -> SoundReport:
        return await self.session.report()


def frames(samples: Frame) -> list[Frame]:
    whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
    return list(samples[:whole].reshape(-1, FRAME_SAMPLES))


def at(samples: Frame, loudness: float) -> Frame:
    wave = samples.astype(np.float64)
    louder = np.clip(wave * loudness / np.sqrt((wave**2).mean()), -32_768, 32_767)
    return np.asarray(louder, np.float64).astype(np.int16)


WORDS = at(speak("But I have another question, and it is a very different one, about the ships in the hall."), 3000)
ANSWER = at(speak("The gallery on the second floor is open until six, and the café until five."), 3000)


@pytest.mark.parametrize("balanced", [True, False])
def test_the_voicebots_own_echo_does_not_interrupt_it(balanced: bool) -> None:
    """20 dB softer and a fifth of a second late, from somebody who spoke so softly before that they are made louder."""
    desk = Desk(level_balance=balanced)
    for frame in frames(at(WORDS, 650)):
        desk.say(ANN, frame)
        desk.beat()
    said = np.tile(ANSWER, 3)
    echo = np.concatenate((np.zeros(9600, np.int16), said // 10)).astype(np.int16)
    for number, frame in enumerate(frames(said)):
        desk.say(ANN, frames(echo)[number])
        desk.voicebot_says(frame)
        desk.beat()
    assert len(desk.voice.sent) > 0.9 * len(frames(said))
    assert desk.session._barge_in.count == 0


@pytest.mark.parametrize(("balanced", "least", "most"), [(True, 2.0, 4.5), (False, 0.8, 1.25)])
def test_the_quiet_are_brought_up_where_the_server_wants_it(balanced: bool, least: float, most: float) -> None:
    desk = Desk(level_balance=balanced)
    quiet = at(np.tile(WORDS, 3), 600)
    for frame in frames(quiet):
        desk.say(ANN, frame)
        desk.beat()
    heard = np.concatenate(desk.room.fed[150:])
    assert least < rms(heard) / rms(quiet[150 * FRAME_SAMPLES :]) < most


def test_an_interruption_empties_the_queue_at_once_and_holds_back_what_follows() -> None:
    desk = Desk()
    person, bot = frames(WORDS), frames(np.tile(ANSWER, 3))
    for frame in bot[:60]:
        desk.voicebot_says(frame)
        desk.beat()
    interrupted_at: int | None = None
    for number, frame in enumerate(person):
        desk.say(ANN, frame)
        desk.voicebot_says(bot[60 + number])
        desk.beat()
        if interrupted_at is None and desk.session._barge_in.count:
            interrupted_at = desk.tick
    assert interrupted_at is not None
    assert interrupted_at - 60 < 30
    after = [tick for tick in desk.voice.sent if tick > interrupted_at]
    stale = [tick for tick in after if tick < interrupted_at + 29]  # what was said before it could have noticed
    assert len(stale) <= 1
    assert max(after) > interrupted_at + 40  # and if it talks on, it means to
    assert desk.session._barge_in.count == 1


@pytest.mark.parametrize("is_a_bot", [True, False])
def test_another_bot_does_not_interrupt_the_voicebot(is_a_bot: bool) -> None:
    """Music with a voice in it would do so again and again."""
    desk = Desk(hear_bots=True)
    if is_a_bot:
        desk.session.set_bots(frozenset({ANN}))
    bot, person = frames(ANSWER), frames(WORDS)
    desk.session._on_room_event(AgentState("speaking"))
    for number in range(100):
        desk.say(ANN, person[number % len(person)])
        desk.voicebot_says(bot[number % len(bot)])
        desk.beat()
    assert (desk.session._barge_in.count == 0) == is_a_bot


@pytest.mark.parametrize(("speaking", "most"), [(True, 2), (False, 9)])
def test_a_voicebot_that_stops_because_of_somebody_is_silent_within_two_frames(speaking: bool, most: int) -> None:
    desk = Desk(may_interrupt=frozenset())
    desk.session._on_room_event(AgentState("speaking"))
    bot, person = frames(ANSWER), frames(WORDS)
    for number in range(40):
        if speaking:
            desk.say(ANN, person[number + 10])
        desk.voicebot_says(bot[number + 20])
        desk.beat()
    for number in range(7):  # they came in a bunch
        desk.voicebot_says(bot[number + 60])
    before = len(desk.voice.sent)
    desk.session._on_room_event(AgentState("listening"))
    for _ in range(20):
        if speaking:
            desk.say(ANN, person[60])
        desk.beat()
    # A burst of which nothing was cut is followed by a short concealment.
    spoken = [frame for tick, frame in desk.voice.sent.items() if tick > 40]
    assert len(desk.voice.sent) - before <= most + (0 if speaking else 3)
    assert len(spoken) >= (1 if speaking else 7)


async def test_numbers_are_the_calls_whatever_was_replaced() -> None:
    desk = Desk()
    for frame in frames(WORDS)[:100]:
        desk.say(ANN, frame)
        desk.beat()
    desk.voice.receiver.stats.received = 100
    desk.voice.receiver.stats.undecryptable = {BOB: 7}
    desk.voice.dave.recoveries = 2
    before = await desk.numbers()
    assert (before.packets_received, before.packets_undecryptable, before.dave_recoveries) == (100, 7, 2)
    desk.session._retire_voice()
    desk.session._retire_room()
    desk.session._voice, desk.session._room = Voice(), Room()  # type: ignore[assignment]
    desk.session._on_member_left(ANN)
    after = await desk.numbers()
    for name in ("packets_received", "packets_undecryptable", "packets_lost", "frames_to_room", "dave_recoveries"):
        assert getattr(after, name) == getattr(before, name), name
    await desk.session.close()


async def test_a_tap_that_nobody_reads_any_more_is_forgotten() -> None:
    desk = Desk()
    tap = AudioTap(asyncio.get_running_loop())
    await desk.session.add_tap(tap)
    desk.beat()
    left = weakref.ref(tap)
    tap.close()
    del tap
    desk.beat()
    assert left() is None
    await desk.session.close()


async def test_beats_that_were_late_before_the_call_are_not_the_calls() -> None:
    clock: Any = Clock()
    clock.ticker.skipped, clock.ticker.late = 50, 90
    session = MediaSession(clock, SoundSettings(), read_packet=lambda payload: (), post=lambda event: None)
    clock.ticker.late += 1
    numbers = await session.report()
    assert (numbers.ticks_skipped, numbers.ticks_late) == (0, 1)


def test_twenty_five_people_at_once_are_one_frame_per_beat_and_never_clip() -> None:
    desk = Desk()
    people = [frames(at(np.roll(WORDS, number * 3001), 5000)) for number in range(25)]
    for number in range(100):
        for user_id, spoken in enumerate(people):
            desk.say(user_id, spoken[number])
        desk.beat()
    assert len(desk.room.fed) >= 96
    loudest = max(int(np.abs(frame.astype(np.int32)).max()) for frame in desk.room.fed)
    assert 24_000 < loudest <= 32_767  # pressed softly; a sum that wraps around would be somewhere else
    corner = max(int(np.abs(np.diff(frame.astype(np.int32))).max()) for frame in desk.room.fed)
    assert corner < 40_000
    assert len(desk.session._uplink.speakers) == 25


async def test_a_tap_that_comes_too_late_is_at_its_end() -> None:
    """A plugin may ask for the sound while the call ends; its reader must not wait for ever."""
    clock: Any = Clock()
    session = MediaSession(clock, SoundSettings(), read_packet=lambda _: (), post=lambda event: None)
    await session.close()
    tap = AudioTap(asyncio.get_running_loop())
    await session.add_tap(tap)
    async with asyncio.timeout(5):
        assert [sound async for sound in tap] == []


@pytest.mark.parametrize(("lead_in", "least"), [(0.02, 1), (0.1, 5)])
def test_before_the_voicebots_first_word_there_is_silence_on_the_wire(lead_in: float, least: int) -> None:
    """Listeners' clients cut off what comes with, or before, the news that somebody speaks."""
    desk = Desk(lead_in=lead_in)
    for frame in frames(ANSWER)[:40]:
        desk.voicebot_says(frame)
        desk.beat()
    first = min(desk.voice.sent)
    assert len(desk.voice.lead_ins) >= least
    assert max(desk.voice.lead_ins) == first - 1  # and nothing between it and the word


def test_without_a_lead_in_a_word_is_not_held_back_for_one() -> None:
    desk = Desk(lead_in=0.0)
    for frame in frames(ANSWER)[:3]:
        desk.voicebot_says(frame)
    desk.beat()
    assert desk.voice.sent


def test_other_bots_are_not_heard_unless_the_server_wants_it() -> None:
    desk = Desk()
    desk.session.set_bots(frozenset({BOB}))
    assert not desk.session._consent.allows(BOB)
    assert desk.session._consent.allows(ANN)
    assert Desk(hear_bots=True).session._consent.allows(BOB)


async def test_one_who_turns_out_to_be_a_bot_is_heard_no_longer() -> None:
    desk = Desk()
    for frame in frames(WORDS)[:20]:
        desk.say(ANN, frame)
        desk.beat()
    assert ANN in desk.session._uplink.speakers
    desk.session.set_bots(frozenset({ANN}))
    assert ANN not in desk.session._uplink.speakers


def test_whoever_speaks_and_has_no_name_is_told_of() -> None:
    desk = Desk()
    unowned = desk.voice.receiver.stats.unowned
    for _ in range(6 * 50):
        unowned[77] = unowned.get(77, 0) + 1
        desk.beat()
    assert desk.events.count(Unowned()) == 1

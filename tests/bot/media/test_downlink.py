"""The voicebot's voice on its way to Discord, tick by tick."""

import numpy as np

from bot.bridge import Frame
from bot.bridge.track_mixer import TrackMixer
from bot.media.barge_in import BargeIn
from bot.media.consent import Consent
from bot.media.downlink import Downlink
from bot.media.events import VoicebotSpeaking
from tests.bot.media.sounds import voice

ANSWER = voice(1.0)


class Voice:
    """A voice session that notes what is sent at which tick."""

    def __init__(self) -> None:
        self.sent: dict[int, str] = {}

    def send_frame(self, frame: Frame, tick: int) -> None:
        self.sent[tick] = "frame"

    def send_lead_in(self, tick: int) -> None:
        self.sent[tick] = "lead-in"

    def send_pause(self, tick: int) -> None:
        self.sent[tick] = "pause"


class Bot:
    """A voicebot that speaks into a downlink; a tick is 20 ms."""

    def __init__(self, lead_in: int = 0) -> None:
        self.events: list[VoicebotSpeaking] = []
        tracks = TrackMixer(lead_in)
        self.downlink = Downlink(tracks, BargeIn(tracks, None, Consent()), self.events.append)
        self.voice: Voice | None = Voice()
        self.ticks = 0

    def tick(self, frame: Frame | None = None) -> Frame | None:
        now = self.ticks * 0.02
        if frame is not None:
            self.downlink.push("voice", frame, now)
        self.ticks += 1
        return self.downlink.carry(self.voice, self.ticks, now)


def test_each_tick_sends_a_frame_its_lead_in_or_a_pause() -> None:
    bot = Bot(lead_in=3)
    bot.tick()
    for frame in ANSWER:
        bot.tick(frame)
    for _ in range(20):
        bot.tick()
    assert bot.voice is not None
    kinds = [bot.voice.sent[tick] for tick in sorted(bot.voice.sent)]
    first, last = kinds.index("frame"), len(kinds) - 1 - kinds[::-1].index("frame")
    assert kinds[0] == "pause"
    assert kinds[first - 3 : first] == ["lead-in"] * 3
    assert set(kinds[first : last + 1]) == {"frame"}
    assert set(kinds[last + 1 :]) == {"pause"}
    assert last - first + 1 >= len(ANSWER)


def test_its_speaking_is_reported_by_the_sound_itself() -> None:
    bot = Bot()
    for frame in ANSWER:
        bot.tick(frame)
    for _ in range(30):
        bot.tick()
    assert [event.speaking for event in bot.events] == [True, False]


def test_what_it_says_while_nobody_can_hear_it_is_not_heard_later() -> None:
    bot = Bot()
    bot.voice = None
    for frame in ANSWER[:20]:
        assert bot.tick(frame) is None
    bot.voice = Voice()
    for _ in range(10):
        assert bot.tick() is None
    assert set(bot.voice.sent.values()) == {"pause"}


def test_what_it_says_tells_when_it_came_and_when_it_was_sent() -> None:
    bot = Bot(lead_in=3)
    for _ in range(50):
        bot.tick()
    for frame in ANSWER:
        bot.tick(frame)
    for _ in range(50):
        bot.tick()
    came = bot.ticks * 0.02
    for frame in ANSWER:
        bot.tick(frame)
    first, _, second = [event for event in bot.events if event.speaking or event is bot.events[1]]
    assert first.arrived == 50 * 0.02
    assert 0.02 * 3 <= first.played - first.arrived <= 0.02 * 5
    assert first.played <= first.at
    assert (second.speaking, second.arrived) == (True, came)
    assert second.played > came


def test_a_breath_is_no_end_of_what_it_says() -> None:
    bot = Bot()
    for frame in ANSWER[:25]:
        bot.tick(frame)
    for _ in range(8):
        bot.tick()
    for frame in ANSWER:
        bot.tick(frame)
    assert {event.arrived for event in bot.events} == {0.0}


def test_silence_that_the_room_sends_is_nothing_said() -> None:
    bot = Bot()
    for _ in range(40):
        bot.tick(np.zeros_like(ANSWER[0]))
    for frame in ANSWER:
        bot.tick(frame)
    assert bot.events[0].arrived == 40 * 0.02

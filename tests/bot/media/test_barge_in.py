"""Who may interrupt the voicebot, and what is dropped of its words then."""

import pytest

from bot.bridge.interruption import NOTICED, YIELD
from bot.bridge.track_mixer import TrackMixer
from bot.media.barge_in import SPEAKING, BargeIn
from bot.media.consent import Consent
from tests.bot.media.sounds import silence, voice

ANN, BOB = 1, 2
FRAME = 0.02  # seconds
WORDS = voice(1.0)
ANSWER = voice(2.0, pitch=210.0)


def play(barge_in: BargeIn, tracks: TrackMixer, *people: int, ticks: int = 40) -> float:
    """The voicebot speaks and so do people; the time when that is over."""
    now = 0.0
    for number in range(ticks):
        now = number * FRAME
        if not barge_in.holds_back(ANSWER[number], now):
            tracks.push("voice", ANSWER[number])
        frame = tracks.pop()
        if frame is not None:
            barge_in.on_voicebot_frame(frame)
        barge_in.update(dict.fromkeys(people, WORDS[number]), now)
    return now


@pytest.mark.parametrize(
    ("allowed", "bots", "count"), [(None, (), 1), ({ANN}, (), 1), ({BOB}, (), 0), (None, {ANN}, 0)]
)
def test_who_may_interrupt(allowed: set[int] | None, bots: set[int], count: int) -> None:
    tracks = TrackMixer()
    consent = Consent()
    consent.set_bots(bots)
    barge_in = BargeIn(tracks, allowed, consent)
    play(barge_in, tracks, ANN)
    assert barge_in.count == count


def test_an_interruption_drops_what_is_held_and_holds_back_what_follows() -> None:
    tracks = TrackMixer()
    barge_in = BargeIn(tracks, None, Consent())
    now = play(barge_in, tracks, ANN, ticks=25)
    assert barge_in.count == 1
    assert not tracks.playing
    assert barge_in.holds_back(ANSWER[50], now)
    assert not barge_in.holds_back(ANSWER[51], now + YIELD)


def test_a_voicebot_that_falls_silent_has_noticed_and_what_it_says_next_is_heard() -> None:
    tracks = TrackMixer()
    barge_in = BargeIn(tracks, None, Consent())
    now = play(barge_in, tracks, ANN, ticks=25)
    assert barge_in.holds_back(ANSWER[50], now)
    assert barge_in.holds_back(silence(), now + NOTICED + 0.05)
    assert not barge_in.holds_back(ANSWER[51], now + NOTICED + 0.1)


def test_who_talks_while_the_voicebot_is_silent_interrupts_nothing() -> None:
    tracks = TrackMixer()
    barge_in = BargeIn(tracks, None, Consent())
    for number, frame in enumerate(WORDS):
        barge_in.update({ANN: frame}, number * FRAME)
    assert barge_in.count == 0


@pytest.mark.parametrize(
    ("states", "people", "hurries"),
    [
        ((SPEAKING, "listening"), True, True),
        ((SPEAKING, "listening"), False, False),
        (("thinking", "listening"), True, False),
        ((SPEAKING, SPEAKING), True, False),
    ],
)
def test_a_voicebot_that_stops_because_somebody_speaks_has_nothing_more_to_say(
    states: tuple[str, str], people: bool, hurries: bool
) -> None:
    """What is held in a longer buffer, after it came unevenly, is dropped but for its last frame."""
    tracks = TrackMixer()
    barge_in = BargeIn(tracks, frozenset(), Consent())
    for frame in ANSWER[:12]:
        tracks.push("voice", frame)
    assert tracks.pop() is not None
    barge_in.on_agent_state(states[0], lambda: people)
    barge_in.on_agent_state(states[1], lambda: people)
    tracks.push("voice", ANSWER[12])
    held = 0
    while tracks.pop() is not None:
        held += 1
    assert (held <= 5) == hurries

"""A person's sound over bad lines: nothing is lost that arrived, the delay comes back, nothing clicks."""

import random
from collections.abc import Callable
from statistics import median

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.speaker import Speaker
from bot.voice.opus import Decoder

from .lines import FRAME, talk, vowel_packets


def _click(sound: Frame) -> int:
    """The sharpest corner in a wave: a cut in the middle of a vowel makes thousands, a vowel a hundred."""
    return int(np.abs(np.diff(sound.astype(np.int32), 2)).max())


def _frames(sound: Frame) -> list[Frame]:
    return list(sound.reshape(-1, 960))


def test_a_clean_line_is_left_alone() -> None:
    heard = talk(20)
    stats = heard.speaker.buffer.stats
    assert (stats.played, stats.lost, stats.late) == (1000, 0, 0)
    assert (heard.speaker.shortened, heard.speaker.lengthened) == (0, 0)
    assert max(heard.behind[:990]) <= 0.05


@pytest.mark.parametrize("most", [0.04, 0.08])
def test_jitter_costs_delay_and_hardly_a_frame(most: float) -> None:
    heard = talk(60, delay=lambda number, rng: rng.random() * most)
    stats = heard.speaker.buffer.stats
    assert stats.late + stats.lost < 0.01 * stats.played
    assert median(heard.behind[1000:2900]) < most + 0.03


@pytest.mark.parametrize("ppm", [300, -300])
def test_a_quarter_of_an_hour_with_a_clock_that_runs_wrong(ppm: float) -> None:
    """A quarter of a second of drift: taken out or put in a few milliseconds at a time, and no delay is left of it."""
    heard = talk(900, ppm=ppm, delay=lambda number, rng: rng.random() * 0.01)
    stats = heard.speaker.buffer.stats
    assert (stats.lost, stats.late, stats.dropped) == (0, 0, 0)
    first, last = median(heard.behind[500:10_000]), median(heard.behind[-10_000:-100])
    assert abs(last - first) < 0.01
    stretched = heard.speaker.shortened + heard.speaker.lengthened
    assert 25 < stretched < 80


def test_a_longer_route_loses_nothing() -> None:
    heard = talk(30, delay=lambda number, rng: 0.12 if number > 500 else 0.0)
    assert (heard.speaker.buffer.stats.lost, heard.speaker.buffer.stats.late) == (0, 0)


@pytest.mark.parametrize("jitter", [0.0, 0.04])
def test_a_longer_route_is_got_used_to_at_once(jitter: float) -> None:
    """All later packets are too late for any depth: their way is the usual one now, and no reason to hurry."""
    steady = talk(30, delay=lambda number, rng: rng.random() * jitter)
    longer = talk(30, delay=lambda number, rng: rng.random() * jitter + (0.3 if number > 500 else 0.0))
    assert longer.speaker.concealed <= steady.speaker.concealed + 20  # the 0.3 s itself
    assert longer.speaker.shortened <= steady.speaker.shortened + 10
    assert abs(median(longer.behind[-500:]) - median(steady.behind[-500:]) - 0.3) < 0.03


def test_after_a_stall_the_delay_comes_back() -> None:
    """Two seconds of nothing, then everything at once: the last second of it is said, faster, until it is live."""

    def stall(number: int, rng: random.Random) -> float:
        at = number * FRAME
        return max(0.0, 7.0 - at) if 5.0 <= at < 7.0 else 0.0

    heard = talk(25, delay=stall)
    before, after = median(heard.behind[100:240]), median(heard.behind[-250:-10])
    assert abs(after - before) <= FRAME
    assert max(heard.behind) < 1.5
    assert heard.speaker.shortened > 50
    assert heard.speaker.buffer.stats.dropped < 60


def test_a_stall_that_comes_back_in_any_order_is_over_when_it_is_over() -> None:
    """What no depth would have saved makes the buffer no deeper for the sentences that follow."""

    def stall(number: int, rng: random.Random) -> float:
        at = number * FRAME
        return max(0.0, 7.0 - at) + rng.random() * 1e-6 if 5.0 <= at < 7.0 else 0.0

    heard = talk(12, delay=stall)
    assert abs(median(heard.behind[-200:-10]) - median(heard.behind[100:240])) <= FRAME
    assert heard.speaker.buffer.delay.depth == 0.04


def test_loss_is_concealed_without_clicks() -> None:
    clean, lossy = talk(20), talk(20, loss=0.1)
    assert lossy.speaker.buffer.stats.lost > 50
    cut = np.concatenate([f if random.Random(i).random() > 0.1 else f * 0 for i, f in enumerate(_frames(clean.sound))])
    assert _click(lossy.sound) < _click(cut) / 3
    loud = lossy.loudness()[10:990]
    assert sum(level < 1000 for level in loud) < 10


def test_a_burst_of_loss_fades_and_returns_in_its_place() -> None:
    heard = talk(10, delay=lambda number, rng: 99.0 if 200 <= number < 210 else 0.0)
    levels = heard.loudness()
    start = next(number for number, level in enumerate(levels) if level > 1000)
    gap = levels[start + 200 : start + 210]
    assert gap[0] > 2000  # concealed
    assert max(gap[5:8]) < 300  # and then silence, not a drone
    assert levels[start + 213] > 3000
    assert _click(heard.sound) < 400
    assert abs(median(heard.behind[-100:-10]) - median(heard.behind[50:150])) <= FRAME


def _mid_word(change: Callable[[Speaker, int], tuple[int, int]], frames: int = 100) -> np.ndarray:
    """Somebody hums; `change` makes SSRC and timestamp of each packet. What is heard."""
    speaker = Speaker(Decoder(), least=0.04)
    packets, heard = vowel_packets(), []
    for number in range(frames):
        ssrc, timestamp = change(speaker, number)
        speaker.push(ssrc, timestamp & 0xFFFF_FFFF, packets[number], number * FRAME)
        heard.append(speaker.next_frame(number * FRAME + 0.007))
    return np.concatenate([frame if frame is not None else np.zeros(FRAME_SAMPLES, np.int16) for frame in heard])


#: The sharpest corner that a hum which breaks off or begins within 5 ms has; one that is cut has thousands.
SOFT = 400


@pytest.mark.parametrize(
    "change",
    [
        lambda speaker, number: (1 if number < 50 else 2, number * FRAME_SAMPLES),
        lambda speaker, number: (1, number * FRAME_SAMPLES + (0 if number < 50 else 48_000 * 3600)),
        lambda speaker, number: (1, number * FRAME_SAMPLES - (0 if number < 50 else 48_000 * 3600)),
    ],
    ids=["another SSRC", "an hour ahead", "an hour back"],
)
def test_a_new_beginning_in_the_middle_of_a_word_does_not_click(
    change: Callable[[Speaker, int], tuple[int, int]],
) -> None:
    sound = _mid_word(change)
    loud = [level for level in np.abs(sound.astype(np.int32)).reshape(-1, FRAME_SAMPLES).max(axis=1) if level > 3000]
    assert len(loud) > 85  # and hardly anything is missing
    assert _click(sound) < SOFT


@pytest.mark.parametrize("balance", [False, True])
def test_whoever_is_not_to_be_heard_any_more_fades_out(balance: bool) -> None:
    speaker = Speaker(Decoder(), least=0.04, balance=balance)
    heard = []
    for number, packet in enumerate(vowel_packets()[:60]):
        speaker.push(1, number * FRAME_SAMPLES, packet, number * FRAME)
        heard.append(speaker.next_frame(number * FRAME + 0.007))
    heard.append(speaker.last_frame(60 * FRAME + 0.007))
    sound = np.concatenate([frame for frame in heard if frame is not None])
    assert sound[-1] == 0
    assert _click(np.append(sound, np.zeros(FRAME_SAMPLES, np.int16))) < SOFT
    assert speaker.last_frame(61 * FRAME + 0.007) is None


def test_whoever_comes_in_the_middle_of_a_word_fades_in() -> None:
    """After an unmute, say."""
    speaker = Speaker(Decoder(), least=0.04)
    heard = []
    for number, packet in enumerate(vowel_packets()[30:60]):
        speaker.push(1, number * FRAME_SAMPLES, packet, number * FRAME)
        heard.append(speaker.next_frame(number * FRAME + 0.007))
    sound = np.concatenate([frame for frame in heard if frame is not None])
    assert _click(np.insert(sound, 0, np.zeros(FRAME_SAMPLES, np.int16))) < SOFT

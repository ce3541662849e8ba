"""Who talks into the voicebot's words is an interruption; coughs, keys and echoes are not."""

import itertools

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import level
from bot.bridge.interruption import YIELD, Interruption
from sandbox.people.speech import speak

ANN = 1
FRAME = 0.02


def _frames(samples: Frame) -> list[Frame]:
    whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, whole, FRAME_SAMPLES)]


def _interrupts_after(person: Frame, voicebot: Frame | None = None) -> float | None:
    """Seconds into the person's sound at which it counts; None when it does not."""
    interruption = Interruption()
    words = _frames(speak("The gallery on the second floor is open until six.") if voicebot is None else voicebot)
    for number, frame in enumerate(_frames(person)):
        interruption.voicebot(level(words[number % len(words)]))
        if interruption.person(ANN, frame, level(frame), number * FRAME):
            return number * FRAME
    return None


def _at(samples: Frame, loudness: float) -> Frame:
    """Samples brought to a root mean square."""
    wave = samples.astype(np.float64)
    louder = wave * (loudness / np.sqrt((wave**2).mean()))
    return np.asarray(np.clip(louder, -32_768, 32_767), np.float64).astype(np.int16)


@pytest.mark.parametrize("loudness", [2000, 3000, 6000])
@pytest.mark.parametrize("words", ["But I have another question.", "No, stop, that is not what I meant."])
def test_words_do(words: str, loudness: float) -> None:
    said = speak(words)
    start = next(number for number, frame in enumerate(_frames(said)) if level(frame) > 300) * FRAME
    after = _interrupts_after(_at(said, loudness))
    assert after is not None
    assert after - start < 0.5


def test_typing_does_not() -> None:
    rng = np.random.default_rng(2)
    typing = np.zeros(48_000 * 5, np.float64)
    for at in range(2000, len(typing) - 2000, 7000):  # seven keys a second, 20 ms each
        typing[at : at + 960] = rng.normal(0, 9000, 960) * np.exp(-np.arange(960) / 200)
    assert _interrupts_after(np.clip(typing, -32_768, 32_767).astype(np.int16)) is None


def test_a_cough_does_not() -> None:
    """Two bursts of coloured noise with a breath between."""
    rng = np.random.default_rng(3)
    cough = np.zeros(48_000, np.float64)
    for at in (4000, 22_000):
        burst = np.convolve(rng.normal(0, 1, 12_000), np.hanning(24), "same")
        cough[at : at + 12_000] = burst * np.exp(-np.arange(12_000) / 4000)
    assert _interrupts_after(_at((cough * 1000).astype(np.int16), 4000)) is None


def test_its_own_echo_does_not() -> None:
    """Through loudspeaker, room and a client's echo canceller: late and 20 dB softer."""
    voicebot = speak("The gallery on the second floor is open until six, and the café until five.")
    late = np.concatenate((np.zeros(9600, np.int16), voicebot))
    assert _interrupts_after((late // 10).astype(np.int16), voicebot) is None


def test_a_hum_in_the_background_does_not() -> None:
    time = np.arange(48_000 * 4) / 48_000
    hum = (np.sin(2 * np.pi * 100 * time) * 350).astype(np.int16)
    assert _interrupts_after(hum) is None


def test_it_yields_for_a_while_and_once() -> None:
    interruption = Interruption()
    said = _frames(_at(speak("No, stop, that is not what I meant."), 3000))
    times = [n * FRAME for n, f in enumerate(said) if interruption.person(ANN, f, level(f), n * FRAME)]
    assert interruption.yields(times[0] + YIELD / 2)
    assert all(later - earlier >= YIELD for earlier, later in itertools.pairwise(times))
    assert interruption.count == len(times)
    assert not interruption.yields(times[-1] + YIELD)


def test_an_answer_is_not_held_back() -> None:
    interruption = Interruption()
    said = _frames(_at(speak("No, stop, that is not what I meant."), 3000))
    at = next(n * FRAME for n, f in enumerate(said) if interruption.person(ANN, f, level(f), n * FRAME))
    interruption.noticed()
    assert not interruption.yields(at + 0.01)


def test_words_before_the_voicebot_spoke_do_not_count() -> None:
    interruption = Interruption()
    said = [f for f in _frames(_at(speak("No, stop, that is not what I meant."), 3000)) if level(f) > 600]
    for number, frame in enumerate(said[:10]):
        assert not interruption.person(ANN, frame, level(frame), number * FRAME)
    interruption.quiet()
    for number, frame in enumerate(said[10:18]):
        assert not interruption.person(ANN, frame, level(frame), 1 + number * FRAME)

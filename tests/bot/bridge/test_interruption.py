"""Who talks into the voicebot's words is an interruption; coughs, keys and echoes are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import rms
from bot.bridge.interruption import NOTICED, VOICED, YIELD, Interruption
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
        interruption.on_voicebot_frame(words[number % len(words)])
        if interruption.on_person_frame(ANN, frame, number * FRAME):
            return number * FRAME
    return None


def _at(samples: Frame, loudness: float) -> Frame:
    """Samples brought to a root mean square."""
    wave = samples.astype(np.float64)
    louder = wave * (loudness / np.sqrt((wave**2).mean()))
    return np.asarray(np.clip(louder, -32_768, 32_767), np.float64).astype(np.int16)


def _begins(said: Frame) -> float:
    return next(number for number, frame in enumerate(_frames(said)) if rms(frame) > 300) * FRAME


@pytest.mark.parametrize("loudness", [1000, 2000, 3000, 6000])
@pytest.mark.parametrize(
    "words",
    ["But I have another question.", "No, stop, that is not what I meant.", "Stop!", "Wait.", "Hold on a second."],
)
def test_words_do(words: str, loudness: float) -> None:
    said = _at(speak(words), loudness)
    after = _interrupts_after(said)
    assert after is not None
    assert after - _begins(said) < 0.4


def _noise(seconds: float, width: int, seed: int = 3) -> NDArray[np.float64]:
    """Noise below 48 kHz / width."""
    return np.convolve(np.random.default_rng(seed).normal(0, 1, int(seconds * 48_000)), np.hanning(width), "same")


def _hum(frequency: float, loudness: float) -> Frame:
    time = np.arange(48_000 * 4) / 48_000
    return _at((np.sin(2 * np.pi * frequency * time) * 9000).astype(np.int16), loudness)


def _buzz(frequency: float, loudness: float) -> Frame:
    """With all harmonics, as a bad ground makes it."""
    time = np.arange(48_000 * 4) / 48_000
    return _at((((time * frequency) % 1 - 0.5) * 9000).astype(np.int16), loudness)


def _typing() -> Frame:
    """Seven keys a second, 20 ms each."""
    rng = np.random.default_rng(2)
    typing = np.zeros(48_000 * 5, np.float64)
    for at in range(2000, len(typing) - 2000, 7000):
        typing[at : at + 960] = rng.normal(0, 9000, 960) * np.exp(-np.arange(960) / 200)
    return np.clip(typing, -32_768, 32_767).astype(np.int16)


def _coughs(voiced: float) -> Frame:
    """Three: a burst of noise that dies away, then the vocal cords for `voiced` seconds, then a breath."""
    burst = _noise(0.2, 24) * np.exp(-np.arange(9600) / 4000)
    time = np.arange(int(voiced * 48_000)) / 48_000
    wave = np.sum([np.sin(2 * np.pi * 130 * harmonic * time) / harmonic for harmonic in range(1, 8)], axis=0)
    cords = _at((wave * np.hanning(len(time)) ** 0.3 * 1000).astype(np.int16), 2500)
    once = (_at((burst * 1000).astype(np.int16), 5000), cords, np.zeros(7200, np.int16))
    return np.concatenate(once * 3)


NO_WORDS = {
    "typing": _typing(),
    "a cough": _coughs(0.02),
    "a cough with a voice in it": _coughs(0.12),
    "breath": _at((_noise(0.5, 30) * np.hanning(24_000) * 1000).astype(np.int16), 1500),
    "mains hum": _hum(50, 2000),
    "mains hum, second harmonic": _hum(100, 2000),
    "a loud hum": _hum(120, 3000),
    "a tone": _hum(1000, 2000),
    "a buzz": _buzz(100, 1500),
    "a fan": _at((_noise(4, 480) * 1000).astype(np.int16), 3000),
    "a shower": _at((_noise(4, 96) * 1000).astype(np.int16), 1500),
    "white noise": _at((_noise(4, 3) * 1000).astype(np.int16), 3000),
}


@pytest.mark.parametrize("sound", NO_WORDS)
def test_what_is_no_voice_does_not(sound: str) -> None:
    assert _interrupts_after(NO_WORDS[sound]) is None


@pytest.mark.parametrize("pitch", [100, 120, 200, 440, 1000])
@pytest.mark.parametrize("shape", ["sine", "square"])
@pytest.mark.parametrize("start", range(0, FRAME_SAMPLES, 120))
def test_a_machine_that_begins_and_ends_anywhere_does_not(pitch: int, shape: str, start: int) -> None:
    """Where a tone begins and where it ends it changes, as a voice does all the time."""
    wave = np.sin(2 * np.pi * pitch * np.arange(48_000) / 48_000)
    sound = np.sign(wave) if shape == "square" else wave
    assert _interrupts_after(_at(np.concatenate((np.zeros(start), sound * 9000)).astype(np.int16), 2500)) is None


@pytest.mark.parametrize("late", [0.05, 0.2, 0.35])
def test_its_own_echo_does_not(late: float) -> None:
    """Through loudspeaker, room and a client's echo canceller: late and 20 dB softer."""
    voicebot = speak("The gallery on the second floor is open until six, and the café until five.")
    echo = np.concatenate((np.zeros(int(late * 48_000), np.int16), voicebot))
    assert _interrupts_after((echo // 10).astype(np.int16), voicebot) is None


def _times(interruption: Interruption, said: Frame, start: float = 0.0) -> list[float]:
    """When a person's words count as an interruption."""
    frames = enumerate(_frames(said))
    return [at for n, f in frames if interruption.on_person_frame(ANN, f, at := start + n * FRAME)]


def test_who_talks_on_does_not_cut_in_again_and_who_took_a_breath_may() -> None:
    """What the voicebot says after it was held back, it means to say."""
    interruption = Interruption()
    said = _at(speak("But I have another question, and it is a very different one, about the ships in the hall."), 3000)
    (first,) = _times(interruption, said)
    assert interruption.is_holding_back(first + YIELD / 2)
    assert not interruption.is_holding_back(first + YIELD)
    silence = np.zeros(48_000, np.int16)
    assert _times(interruption, silence, 10.0) == []
    assert len(_times(interruption, said, 11.0)) == 1
    assert interruption.count == 2


def test_its_answer_is_not_held_back() -> None:
    interruption = Interruption()
    (at,) = _times(interruption, _at(speak("No, stop, that is not what I meant."), 3000))
    for number in range(int(NOTICED / FRAME) + 2):
        interruption.on_held_frame(True, at + number * FRAME)
    assert not interruption.is_holding_back(at + NOTICED + 2 * FRAME)


def test_a_gap_between_two_of_its_words_is_no_sign_that_it_noticed() -> None:
    """Nor is a second track on which nothing is to be heard."""
    interruption = Interruption()
    (at,) = _times(interruption, _at(speak("No, stop, that is not what I meant."), 3000))
    for number in range(int(YIELD / FRAME)):
        now = at + number * FRAME
        assert interruption.is_holding_back(now)
        interruption.on_held_frame(number % 6 != 0, now)
        interruption.on_held_frame(True, now)


def test_words_before_the_voicebot_spoke_do_not_count() -> None:
    interruption = Interruption()
    said = [f for f in _frames(_at(speak("No, stop, that is not what I meant."), 3000)) if rms(f) > 600]
    for number, frame in enumerate(said[: VOICED - 1]):
        assert not interruption.on_person_frame(ANN, frame, number * FRAME)
    interruption.reset()
    for number, frame in enumerate(said[VOICED - 1 : 2 * VOICED - 2]):
        assert not interruption.on_person_frame(ANN, frame, 1 + number * FRAME)

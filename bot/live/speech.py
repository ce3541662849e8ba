"""The question that the second bot asks, as it sounds and as it is written, and how much of it was understood."""

import re
import wave
from collections.abc import Sequence
from difflib import SequenceMatcher
from importlib import resources

import numpy as np

from bot.bridge import SAMPLE_RATE, Frame

FILE = "question.wav"
#: What is said in the file, by the free voice "joe" of Piper.
QUESTION = "What time does the museum open tomorrow morning?"


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower()[:4000])


WORDS: Sequence[str] = tuple(words(QUESTION))


def question() -> Frame:
    """Return the question as 48 kHz mono samples; it blocks for the disk."""
    with resources.files("bot.live").joinpath(FILE).open("rb") as file, wave.open(file) as source:
        samples = np.frombuffer(source.readframes(source.getnframes()), np.int16).astype(np.float64)
        factor = SAMPLE_RATE // source.getframerate()
    # The spectrum as it is, with nothing above it: the exact way to a multiple of a sample rate.
    louder = np.fft.irfft(np.fft.rfft(samples), len(samples) * factor) * factor
    return np.asarray(np.clip(louder, -32_768, 32_767), np.int16)


def understood(text: str) -> int:
    """Return how many words of the question stand in a text, in their order."""
    matcher = SequenceMatcher(None, WORDS, words(text), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def begins_with_first_word(text: str) -> bool:
    """Return whether the question's first word was understood, which a clipped first syllable would spoil."""
    return WORDS[0] in words(text)[:2]

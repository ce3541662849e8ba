"""The question: what it sounds like, and how much of it is found in what was understood."""

import numpy as np
import pytest

from bot.bridge import SAMPLE_RATE
from bot.live import speech


def test_the_question_is_a_sentence_of_some_seconds_at_the_rate_of_discord() -> None:
    samples = speech.question()
    assert samples.dtype == np.int16
    assert 2.0 < len(samples) / SAMPLE_RATE < 5.0
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    assert spectrum[frequencies < 4000].sum() > 0.9 * spectrum.sum(), "it is speech"
    assert spectrum[frequencies > 8100].sum() < 0.01 * spectrum.sum(), "and nothing was made up above it"
    assert np.abs(samples).max() > 8000


@pytest.mark.parametrize(
    ("text", "words", "first"),
    [
        (speech.QUESTION, 8, True),
        ("what time does the museum open tomorrow morning", 8, True),
        ("So what time does the museum open tomorrow?", 7, True),
        ("time does the museum open tomorrow morning", 7, False),
        ("Um wieviel Uhr öffnet das Museum?", 1, False),
        ("", 0, False),
        ("morning tomorrow open", 1, False),
    ],
)
def test_words_count_in_their_order(text: str, words: int, first: bool) -> None:
    assert (speech.understood(text), speech.begins_with_first_word(text)) == (words, first)


def test_a_flood_of_words_is_bounded() -> None:
    assert speech.understood("word " * 200_000) == 0

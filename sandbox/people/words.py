"""Comparing words: the same normalisation for everything, so that "9" and "nine" are one word, and "here's" is two."""

import re

import jiwer

_NUMBERS = {
    "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
    "8": "eight", "9": "nine", "10": "ten", "11": "eleven", "12": "twelve",
}  # fmt: skip
#: Whoever writes down what they hear is free to write either.
_CONTRACTIONS = jiwer.ExpandCommonEnglishContractions()


def normal(text: str) -> str:
    """Lower case, no punctuation, small numbers as words, contractions written out."""
    text = re.sub(r"\$(\d+)", r"\1 dollars", text.lower().replace("é", "e").replace("’", "'"))
    text = str(_CONTRACTIONS(text))
    words = re.findall(r"[a-z0-9']+", text)
    return " ".join(_NUMBERS.get(word, word) for word in words)


def word_error_rate(said: list[str], understood: list[str]) -> float:
    """Wrong, missing and invented words as a share of those said, over all sentences."""
    return float(jiwer.wer([normal(text) for text in said], [normal(text) for text in understood]))

"""What is the same when it is heard must be the same when it is compared, and what is not must not."""

import pytest

from sandbox.people.words import normal, word_error_rate


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Here is the floor plan.", "Here's the floor plan"),
        ("It\u2019s 9, isn't it?", "it is nine is not it"),
        ("One ticket costs $8.", "one ticket costs eight dollars"),
        ("I'm at the café; we'll wait.", "I am at the cafe we will wait"),
    ],
)
def test_what_sounds_alike_is_alike(one: str, other: str) -> None:
    assert normal(one) == normal(other)
    assert word_error_rate([one], [other]) == 0


def test_wrong_missing_and_invented_words_count() -> None:
    assert word_error_rate(["a b c d"], ["a x c d"]) == 0.25
    assert word_error_rate(["a b c d"], ["a b c"]) == 0.25
    assert word_error_rate(["a b c d"], ["a b c d e"]) == 0.25

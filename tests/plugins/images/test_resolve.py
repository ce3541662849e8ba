"""From what a voicebot names to an address, and to words."""

import pytest

from plugins.images.plugin import caption
from plugins.images.resolve import lookup


def test_lookup_as_it_is_then_regardless_of_case() -> None:
    images = {"Map": "1", "map": "2", "PLAN": "3"}
    assert lookup(images, "map") == "2"
    assert lookup(images, "plan") == "3"
    assert lookup(images, "other") is None


@pytest.mark.parametrize(("key", "words"), [("floor_plan", "Floor plan"), ("A-b", "A b"), ("x\u202e", "X")])
def test_caption(key: str, words: str) -> None:
    assert caption(key) == words

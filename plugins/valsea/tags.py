"""The tags in a line that stand for pictures: the voicebot writes them and does not speak them."""

import re

IMAGE = re.compile(r"<img>\s*([^<]{1,200}?)\s*</img>", re.IGNORECASE)


def without_tags(words: str) -> str:
    """A line as it is spoken."""
    return " ".join(IMAGE.sub(" ", words).split())

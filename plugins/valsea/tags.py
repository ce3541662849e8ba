"""The tags in a line that stand for pictures: the voicebot writes them and does not speak them.

The patterns run over words from outside on an event loop, so each of them takes time in proportion to the words alone:
its repetitions are possessive and end at the next sign that could begin another match.
"""

import re

#: A picture's key or address, and the blanks around it.
IMAGE = re.compile(r"<img>([^<]{1,2100}+)</img>", re.IGNORECASE)


def without_tags(words: str) -> str:
    """Return a line as it is spoken, without picture tags."""
    return " ".join(IMAGE.sub(" ", words).split())

"""Hostile words and answers cost the event loop next to nothing: each entry point over inputs made to be slow.

What is bounded is the processor's time as a multiple of what one pass over the same characters takes in the same run,
each the best of several tries, so that a slow or busy machine makes no difference. A pattern that goes back over its
input for each character needs hundreds of passes, what is written with care needs twenty at most.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from bot.errors import BadAnswer
from bot.network import httpx
from bot.public_address import is_postable
from bot.text import clean, name, plain, redact, split
from plugins.images.resolve import lookup
from plugins.valsea import answers, refusals
from plugins.valsea.packets import MAX_BYTES, read_packet

MOST_PASSES = 100
KEYS = {f"key{number}": "https://x.example/a.png" for number in range(answers.MAX_PICTURES)}

#: Beginnings that a careless pattern runs ahead from, again and again.
REPEATED = [
    "<img>",
    "<img> ",
    "<img>" + " " * 190,
    "![",
    "![](",
    "![](https://a",
    "https://",
    "http://a.png?",
    "a.png",
    "eyJ",
    "eyJ.",
    "Bearer ",
    "vl_",
    "a" * 24 + ".",
    "\\\\",
    "_",
    " ",
    "\u0301",
    "\u200d",
    "e\u0301",
    "\U0001f3f4\U000e0067",
    "\u0f90",
    "1.",
    "[" * 5,
]


def _hostile(repeated: str) -> str:
    return (repeated * (MAX_BYTES // len(repeated.encode())))[: MAX_BYTES // 2]


def _as_plain_text(words: str) -> Any:
    return read_packet(words.encode()[:MAX_BYTES])


def _as_line(words: str) -> Any:
    return read_packet(json.dumps({"type": "transcript", "text": words}, ensure_ascii=False).encode()[: MAX_BYTES - 1])


def _as_message(words: str) -> Any:
    return answers.messages([{"role": "user", "content": words}])


def _as_error(words: str) -> Any:
    return refusals.refusal(httpx.Response(400, json={"detail": {"message": words}}), "vl_secret")


def _as_session(words: str) -> Any:
    with pytest.raises(BadAnswer):
        answers.session({"roomName": words, "livekitUrl": words, "participantToken": words, "voicebotName": words}, "x")


ENTRIES: list[Callable[[str], Any]] = [
    _as_plain_text,
    _as_line,
    _as_message,
    _as_error,
    _as_session,
    redact,
    lambda words: plain(words[: answers.MAX_LINE]),
    lambda words: clean(words[: answers.MAX_LINE]),
    lambda words: name(words[:200]),
    lambda words: split(plain(words[: answers.MAX_LINE]), 1900),
    is_postable,
    lambda words: answers.instant(words),
    lambda words: answers.credits_used(httpx.Response(204, headers=[(b"X-Credits-Used", words.encode()[:5000])])),
    lambda words: refusals.retry_after(httpx.Response(429, headers=[(b"Retry-After", words.encode()[:5000])])),
    lambda words: answers.room_in(words.encode()),
    lambda words: lookup(KEYS, words[: answers.MAX_KEY]),
]


@pytest.mark.parametrize("repeated", REPEATED)
def test_each_entry_point_takes_a_few_passes_over_its_input(repeated: str) -> None:
    words = _hostile(repeated)
    one_pass = _time_of(_pass_over, words)
    passes = {number: _time_of(entry, words) / one_pass for number, entry in enumerate(ENTRIES)}
    assert {number: times for number, times in passes.items() if times > MOST_PASSES} == {}


def _pass_over(words: str) -> int:
    return sum(character.isspace() for character in words)


def _time_of(entry: Callable[[str], Any], words: str) -> float:
    return min(_once(entry, words) for _ in range(5))


def _once(entry: Callable[[str], Any], words: str) -> float:
    began = time.thread_time()
    entry(words)
    return time.thread_time() - began


def test_a_packet_of_thousands_of_pictures_shows_a_few() -> None:
    assert len(read_packet(b"<img>a</img>" * 1000)) <= 16
    assert len(read_packet(b'{"images": [' + b'"a",' * 1000 + b'"a"]}')) <= 16

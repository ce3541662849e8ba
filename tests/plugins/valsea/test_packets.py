"""Every observed form of data packet, and every kind of nonsense."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.provider import ShownImage, Utterance
from plugins.valsea.packets import MAX_BYTES, read_packet

KEY = ShownImage("map", None)
URL = ShownImage(None, "https://x.example/a.png?sig=1")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "transcript", "role": "user", "text": "hi"}, [Utterance("user", "hi", True)]),
        ({"type": "transcript", "role": "agent", "content": "hi"}, [Utterance("voicebot", "hi", True)]),
        (
            {"type": "transcript", "role": "user", "text": "h", "isComplete": False, "id": "7"},
            [Utterance("user", "h", False, "7")],
        ),
        ({"type": "transcript", "role": "user", "text": "  "}, []),
        (
            {"type": "transcript", "role": "a", "text": "look <img>IMG:map</img> here"},
            [KEY, Utterance("voicebot", "look here", True)],
        ),
        ({"type": "images", "images": [{"key": "map"}]}, [KEY]),
        ({"type": "images", "images": [{"imageKey": "map", "url": None}]}, [KEY]),
        (
            {"type": "images", "images": [{"image_key": "map", "src": "https://x/a"}]},
            [ShownImage("map", "https://x/a")],
        ),
        ({"type": "images", "images": [{"url": "/relative/map"}]}, [ShownImage("/relative/map", None)]),
        ({"type": "images", "images": ["IMG:map"]}, [KEY]),
        ({"type": "image", "image": {"key": "map"}}, [KEY]),
        ({"type": "image", "key": "map"}, [KEY]),
        ({"data": {"images": [{"key": "map"}]}}, [KEY]),
        ({"type": "message", "text": "<img>'map'</img>"}, [KEY]),
        ({"type": "message", "message": f"![alt]({URL.url})"}, [URL]),
        ({"type": "message", "content": f"see {URL.url} now"}, [URL]),
        ({"type": "something else"}, []),
        ({"type": "images", "images": [{}, 5, None]}, []),
        ([1, 2], []),
        ("text", []),
    ],
)
def test_forms(body: Any, expected: list[object]) -> None:
    assert read_packet(json.dumps(body).encode()) == expected


def test_plain_text_is_searched_for_pictures() -> None:
    assert read_packet(b"look: <img>map</img>") == [KEY]


def test_a_signed_address_keeps_its_signature_and_comes_once() -> None:
    assert read_packet(f"<img>{URL.url}</img>".encode()) == [URL]


def test_a_huge_packet_is_ignored() -> None:
    assert read_packet(b'"' + b"x" * MAX_BYTES + b'"') == []


def test_a_deep_packet_is_no_error() -> None:
    assert read_packet(b"[" * 30_000) == []


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(payload: bytes) -> None:
    read_packet(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "images", "image", "text", "role", "key", "url", "data"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_is_an_error(body: Any) -> None:
    read_packet(json.dumps(body).encode())

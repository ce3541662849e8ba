"""Shapes say of what somebody sent all that a program would care about, and nothing of what it says."""

import json
from typing import Any

import pytest

from bot.recorder.shapes import MAX_BODY, body_shape, form, shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty(0)"),
        ("123456789012345678", "digits(18)"),
        ("7b9f0c1e-3c52-4b43-9a57-1f2f7b1c9d10", "uuid(36)"),
        ("2026-12-01T10:00:00Z", "time(20)"),
        ("2026-12-01T10:00:00.123+07:00", "time(29)"),
        ("eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl", "token(36)"),
        ("https://example.com/a.png", "address https(25)"),
        ("wss://room.example", "address wss(18)"),
        ("d41d8cd98f00b204e9800998ecf8427e", "hex(32)"),
        ("Anna", "word(4)"),
        ("room_ab-12", "identifier(10)"),
        ("Where is the museum?", "text(20)"),
        ("Nguyễn", "text(6)"),
    ],
)
def test_a_string_has_a_form(text: str, expected: str) -> None:
    assert form(text) == expected


def test_values_are_types_and_keys_stay() -> None:
    answer = {"roomName": "room-1", "credits": 2, "price": 0.5, "live": True, "error": None}
    assert shape(answer) == {
        "roomName": "identifier(6)",
        "credits": "whole number",
        "price": "number",
        "live": True,
        "error": None,
    }


def test_what_kind_of_thing_it_is_stays() -> None:
    packet = {"type": "transcript", "role": "user", "text": "user"}
    assert shape(packet) == {"type": "transcript", "role": "user", "text": "word(4)"}


def test_a_kind_that_nobody_knows_may_be_a_name() -> None:
    assert shape({"speaker": "Anna", "role": "Anna's brother"}) == {"speaker": "word(4)", "role": "text(14)"}


def test_a_list_shows_each_shape_once() -> None:
    found = shape({"items": [{"a": "x"}, {"a": "y"}, {"b": 1}, {"c": 2}]})
    assert found == {"items": {"list of 4": [{"a": "word(1)"}, {"b": "whole number"}]}}


def test_keys_that_are_data_are_not_shown() -> None:
    assert shape({"anna": "https://a/1.png", "bob": "https://a/2.png"}) == {"2 keys": "address https(15)"}
    assert shape({"Anna Schmidt": 1, "seats": 2}) == {"seats": "whole number", "(other keys)": 1}


def _deep(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {"inner": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {f"key{number}": number for number in range(200_000)},
        ["word"] * 1_000_000,
        "x" * 5_000_000,
        _deep(400),
        {"a": [{"b": list(range(100_000))}] * 100_000},
    ],
    ids=["many keys", "long list", "long text", "deep", "both"],
)
def test_the_work_and_the_result_are_bounded(value: Any) -> None:
    assert len(json.dumps(shape(value))) < 3000  # a walk through all of the last one would take hours


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b'{"detail": "no such room"}', {"detail": "text(12)"}),
        (b"<!DOCTYPE html><p>Cannot GET", "28 bytes of a web page"),
        (b"  <html>", "8 bytes of a web page"),
        (b"Anna said no", "12 bytes that are not JSON"),
        (b"\xff\xfe\x00", "3 bytes that are not JSON"),
        (b"[" * 100_000, "100000 bytes that are not JSON"),
        (b"[1]" + b" " * MAX_BODY, f"{MAX_BODY + 3} bytes, too many to look at"),
    ],
)
def test_a_body_is_its_json_or_its_size(body: bytes, expected: object) -> None:
    assert body_shape(body) == expected


def test_a_body_that_was_cut_is_not_looked_at() -> None:
    assert body_shape(b'{"half', size=90_000) == "90000 bytes, too many to look at"


@pytest.mark.parametrize(
    "value",
    [
        {"Alice": 1},
        {"byUser": {"Alice": {"score": 1}, "Bob.Smith": {"score": 2}}},
        {"byUser": {"alice": {"score": 1}, "bob": {"score": 2}}},
        {"images": {"Anna_birthday": {"url": "https://example.org/x.png"}}},
    ],
)
def test_keys_that_are_somebodys_names_are_not_shown(value: dict[str, object]) -> None:
    shown = str(shape(value)).lower()
    assert not any(name in shown for name in ("alice", "bob", "anna"))


def test_keys_of_one_object_are_shown() -> None:
    assert shape({"limits": {"minutes": 60}, "region": None}) == {"limits": {"minutes": "whole number"}, "region": None}

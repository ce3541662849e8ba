"""Success answers in all their shapes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import BadAnswer
from bot.network import httpx
from plugins.valsea import answers

API = "https://api.valsea.ai"
GOOD = {"roomName": "r", "livekitUrl": "wss://x.example", "participantToken": "t"}


def test_the_least_a_session_needs() -> None:
    session = answers.session(GOOD, API)
    assert (session.reference, session.room_url, session.room_token) == ("r", "wss://x.example", "t")
    assert (session.voicebot_name, session.avatar_url, session.images, session.expires_at) == (None, None, {}, None)


@pytest.mark.parametrize("missing", ["roomName", "livekitUrl", "participantToken"])
def test_what_is_missing_is_named_and_the_room_kept(missing: str) -> None:
    with pytest.raises(BadAnswer, match=missing) as caught:
        answers.session({key: value for key, value in GOOD.items() if key != missing}, API)
    assert caught.value.reference == (None if missing == "roomName" else "r")


@pytest.mark.parametrize(
    "body",
    [
        [{"imageKey": "a", "imageUrl": "u"}],
        [{"image_key": "a", "image_url": "u"}, {"imageKey": "b"}, 5],
        {"a": "u"},
        {"imageMappings": [{"key": "a", "url": "u"}]},
        {"data": {"a": "u"}},
    ],
)
def test_image_mappings(body: Any) -> None:
    assert answers.image_mappings(body) == {"a": "u"}


@pytest.mark.parametrize("body", [None, 5, "x", [], {}])
def test_no_image_mappings(body: Any) -> None:
    assert answers.image_mappings(body) == {}


@pytest.mark.parametrize("envelope", [["messages"], ["items"], ["data"], ["results"], ["data", "messages"], []])
def test_messages(envelope: list[str]) -> None:
    body: Any = [
        {"role": "user", "content": "a", "createdAt": "2026-01-02T03:04:05Z"},
        {"sender": "agent", "text": "b", "timestamp": 1767323045000},
        {"role": "user"},
        "x",
    ]
    for name in reversed(envelope):
        body = {name: body}
    found = answers.messages(answers.page(body))
    assert [(line.role, line.text) for line in found] == [("user", "a"), ("voicebot", "b")]
    assert found[0].at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found[1].at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("body", [None, 5, "x", {}, {"data": 5}, {"data": {"data": {"data": {"data": {"data": []}}}}}])
def test_no_messages(body: Any) -> None:
    assert answers.page(body) == []


def test_the_tags_of_pictures_are_not_spoken() -> None:
    said = [{"role": "assistant", "content": words} for words in ("Here it is! <img>IMG:vase</img>", "<IMG>a</IMG>")]
    assert [line.text for line in answers.messages(said)] == ["Here it is!"]


def test_messages_come_oldest_first_when_all_tell_their_time() -> None:
    newest_first = [{"text": f"{n}", "timestamp": 1767323045 + n} for n in (3, 2, 1)]
    assert [line.text for line in answers.messages(newest_first)] == ["1", "2", "3"]
    newest_first[1].pop("timestamp")  # then their order is all there is
    assert [line.text for line in answers.messages(newest_first)] == ["3", "2", "1"]


@pytest.mark.parametrize("role", ["user", "User", " HUMAN "])
def test_who_is_a_person(role: str) -> None:
    assert answers.role(role) == "user"


NO_INSTANTS: list[Any] = [
    *(None, "", "soon", True, 1e300, float("nan"), [], {}),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1" * 5000, "2026-01-02T03:04:05" + "0" * 5000),
]


@pytest.mark.parametrize("value", NO_INSTANTS)
def test_no_instant(value: Any) -> None:
    assert answers.instant(value) is None


CREDITS = {"0.1": Decimal("0.1"), "12": Decimal(12), " 3 ": Decimal(3)}
NO_CREDITS = ["", "many", "-1", "NaN", "1e900000", "9" * 5000, "Infinity", "1_0"]


@pytest.mark.parametrize(("header", "used"), [*CREDITS.items(), *((header, None) for header in NO_CREDITS)])
def test_credits(header: str, used: Decimal | None) -> None:
    assert answers.credits_used(httpx.Response(204, headers={"X-Credits-Used": header})) == used


@pytest.mark.parametrize(
    "value", ["1767323045", "1767323045000", 1767323045, "2026-01-02T03:04:05", "2026-01-02T04:04:05+01:00"]
)
def test_an_instant_in_every_likely_form(value: Any) -> None:
    assert answers.instant(value) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:7880", "wss://10.0.0.1", "https://x.example", "wss://u:p@x.example"])
def test_a_room_elsewhere_than_on_the_internet_is_ended_and_not_joined(url: str) -> None:
    with pytest.raises(BadAnswer, match="LiveKit") as caught:
        answers.session({**GOOD, "livekitUrl": url}, API)
    assert caught.value.reference == "r"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("roomName", "r" * 10_000),
        ("livekitUrl", "wss://x.example/" + "a" * 10_000),
        ("participantToken", "t" * 100_000),
    ],
)
def test_what_is_far_too_long_is_as_good_as_missing(field: str, value: str) -> None:
    with pytest.raises(BadAnswer, match=field):
        answers.session({**GOOD, field: value}, API)


def test_names_and_pictures_have_a_length_and_a_number() -> None:
    images = {f"k{number}": "https://x.example/a.png" for number in range(answers.MAX_PICTURES + 10)}
    many = {"k" * 1000: "https://x.example/a.png", "u": "https://x.example/" + "a" * 3000, **images}
    session = answers.session({**GOOD, "voicebotName": "n" * 5000, "imageMappings": many}, API)
    assert len(session.voicebot_name or "") == answers.MAX_TITLE
    assert len(session.images) == answers.MAX_PICTURES - 2


@pytest.mark.parametrize(
    ("payload", "room"),
    [
        (b'{"roomName": "ext-vb-1-2", "im', "ext-vb-1-2"),
        (b'{"roomName":"a b"}', None),
        (b"<html>", None),
        (b"\xff", None),
    ],
)
def test_the_room_in_half_an_answer(payload: bytes, room: str | None) -> None:
    assert answers.room_in(payload) == room

"""Success answers in all their shapes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bot.errors import BadAnswer
from plugins.valsea import answers

GOOD = {"roomName": "r", "livekitUrl": "wss://x", "participantToken": "t"}


def test_the_least_a_session_needs() -> None:
    session = answers.session(GOOD)
    assert (session.reference, session.room_url, session.room_token) == ("r", "wss://x", "t")
    assert (session.voicebot_name, session.avatar_url, session.images, session.expires_at) == (None, None, {}, None)


@pytest.mark.parametrize("missing", ["roomName", "livekitUrl", "participantToken"])
def test_what_is_missing_is_named_and_the_room_kept(missing: str) -> None:
    with pytest.raises(BadAnswer, match=missing) as caught:
        answers.session({key: value for key, value in GOOD.items() if key != missing})
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


@pytest.mark.parametrize("value", [None, "", "soon", True, 1e300, float("nan"), [], {}])
def test_no_instant(value: Any) -> None:
    assert answers.instant(value) is None


@pytest.mark.parametrize(
    ("header", "used"),
    [("0.1", Decimal("0.1")), ("12", Decimal(12)), ("", None), ("many", None), ("-1", None), ("NaN", None)],
)
def test_credits(header: str, used: Decimal | None) -> None:
    assert answers.credits_used(httpx.Response(204, headers={"X-Credits-Used": header})) == used

"""Error answers in all their shapes become one short sentence without secrets."""

from typing import Any

import pytest

from bot.network import httpx
from plugins.valsea.refusals import body_message, refusal, retry_after


@pytest.mark.parametrize(
    "body",
    [
        {"detail": {"message": "no", "code": 1}},
        {"detail": "no"},
        {"detail": [{"msg": "no", "loc": ["body"]}]},
        {"error": {"code": "X", "message": "no"}},
        {"error": "no"},
        {"message": "no"},
        {"detail": None, "message": "no"},
    ],
)
def test_the_sentence_in_a_body(body: Any) -> None:
    assert body_message(body) == "no"


@pytest.mark.parametrize("body", [None, [], "no", {}, {"detail": {}}, {"detail": []}, {"message": " "}])
def test_no_sentence(body: Any) -> None:
    assert body_message(body) is None


def test_secrets_and_length() -> None:
    answer = httpx.Response(400, json={"message": "key vl_abc123 and Bearer x.y " + "long " * 200})
    error = refusal(answer)
    assert "vl_abc123" not in str(error) + error.for_user
    assert len(error.for_user) < 400


def test_markup_in_what_the_provider_says_is_disarmed() -> None:
    error = refusal(httpx.Response(400, json={"message": "@everyone [x](http://evil)"}))
    assert "](" not in error.for_user


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"{}", b"<html>oops</html>", b'{"message": "m"}'])
def test_every_status_has_an_answer_for_people(status: int, body: bytes) -> None:
    error = refusal(httpx.Response(status, content=body))
    assert error.for_user.endswith((".", "?"))
    assert "<html>" not in error.for_user


@pytest.mark.parametrize(
    ("header", "seconds"), [("5", 5.0), ("0.5", 0.5), ("", None), ("-1", None), ("Wed", None), ("1e9", None)]
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(429, headers={"Retry-After": header})) == seconds

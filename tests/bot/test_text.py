"""Words from strangers, made safe."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import MAX_COMBINING, clean, fit, name, plain, redact, split


@pytest.mark.parametrize(
    ("said", "posted"),
    [
        ("hello\nworld", "hello world"),
        ("a\u202eb\u200bc\ufeff", "abc"),
        ("tab\there", "tab here"),
        ("e" + "\u0301" * 150, "e" + "\u0301" * MAX_COMBINING),
        ("  many   spaces ", "many spaces"),
    ],
)
def test_clean(said: str, posted: str) -> None:
    assert clean(said) == posted


@pytest.mark.parametrize(
    "said",
    ["**bold**", "[click](http://evil.example)", "||spoiler||", "# heading", "> quote", "`code`", "~~no~~", "<@123>"],
)
def test_plain_has_no_markup_left(said: str) -> None:
    posted = plain(said)
    assert re.sub(r"\\(.)", r"\1", posted) == said
    assert re.sub(r"\\.", "", posted) == re.sub(r"[^\w\s:/.@]|^#", "", said)


def test_a_backslash_cannot_undo_an_escape() -> None:
    """`\\[` would be a backslash and a live bracket."""
    assert plain("\\[click](http://evil.example)").startswith("\\\\\\[click\\]\\(")


def test_ordinary_sentences_stay_as_they_are() -> None:
    sentence = "It opens at 9:30, doesn't it? Yes: every day! See https://museum.example/today"
    assert plain(sentence) == sentence


def test_a_name_is_short_and_never_empty() -> None:
    assert name("\u200b\u202e") == "someone"
    assert len(name("x" * 100)) == 40
    assert name("Ann\n**Boss**") == "Ann \\*\\*Boss\\*\\*"


@given(st.text(alphabet="ab ", max_size=120), st.integers(5, 30))
def test_split_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("secret", ["vl_0123456789abcdef", "Bearer abc.def", "eyJhbGciOi.eyJzdWIi.c2ln"])
def test_redact_hides_what_looks_like_a_secret(secret: str) -> None:
    assert secret.split()[-1] not in redact(f"the key {secret} is wrong")
    assert len(redact("x" * 1000)) == 200


@pytest.mark.parametrize(
    ("said", "posted"), [("1. one", "1\\. one"), ("- one", "\\- one"), ("#1", "\\#1"), ("10", "10")]
)
def test_nothing_at_the_start_makes_a_list_or_a_heading(said: str, posted: str) -> None:
    assert plain(said) == posted


def test_as_many_lines_as_fit() -> None:
    assert fit("one\ntwo", 7) == "one\ntwo"
    assert fit("one\ntwo!", 7) == "one\n…"
    assert fit("x" * 3000) == "x" * 1999 + "…"
    assert fit("ab\ncdef\ngh", 8) == "ab\n…"


@given(st.text("ab\n", max_size=40), st.integers(2, 30))
def test_what_fits_is_never_longer(text: str, limit: int) -> None:
    assert len(fit(text, limit)) <= limit
    assert fit(text, limit) == text or fit(text, limit).endswith("…")

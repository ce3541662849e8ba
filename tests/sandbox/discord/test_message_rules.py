"""Discord refuses a whole message for one address in it; the sandbox does as well."""

from typing import Any

import pytest

from sandbox.discord.message_rules import refused_address


@pytest.mark.parametrize(
    "embed",
    [
        {},
        {"description": "x"},
        {"image": {"url": "https://x.example/a.png?b=1"}},
        {"author": {"name": "Guide", "icon_url": "https://x.example/a.png"}},
        {"image": {"url": "attachment://a.png"}},
    ],
)
def test_good_ones(embed: dict[str, Any]) -> None:
    assert refused_address({"embeds": [embed]}) is None


@pytest.mark.parametrize(
    ("embed", "path"),
    [
        ({"image": {"url": "file:///etc/passwd"}}, ["image", "url"]),
        ({"author": {"name": "x", "icon_url": "https://localhost/a.png"}}, ["author", "icon_url"]),
        ({"author": {"name": "x", "icon_url": "https://x.example:abc/"}}, ["author", "icon_url"]),
        ({"thumbnail": {"url": "https://x.example/a b"}}, ["thumbnail", "url"]),
        ({"url": "https://x.example/" + "a" * 3000}, ["url"]),
        ({"image": {"url": "https://a..example/"}}, ["image", "url"]),
    ],
)
def test_bad_ones_are_named_by_their_path(embed: dict[str, Any], path: list[str]) -> None:
    body = refused_address({"embeds": [{}, embed]})
    assert body is not None
    assert body["code"] == 50035
    found = body["errors"]["embeds"]["1"]
    for key in path:
        found = found[key]
    assert found["_errors"][0]["message"]


@pytest.mark.parametrize("body", [None, [], {"embeds": None}, {"embeds": [None, 5]}, {"content": "x"}])
def test_nothing_to_look_at(body: Any) -> None:
    assert refused_address(body) is None

"""Paths to nowhere are found before a session is opened that could not be ended."""

import pytest
from pydantic import ValidationError

from plugins.valsea.settings import ValseaSettings


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("end_path", "/session"),
        ("end_path", "/session/{rom}"),
        ("end_path", "/session/{}"),
        ("end_path", "/session/{room"),
        ("end_path", "/session/{room}/{room}"),
        ("end_path", "session/{room}"),
        ("session_path", "/session/{room}"),
        ("end_path", "/session/{room!r}"),
        ("end_path", "/session/{room:.3}"),
        ("end_path", "/#{room}"),
        ("messages_path", "/messages"),
        ("library_path", "/pictures/{room}"),
    ],
)
def test_a_path_without_what_must_be_in_it(key: str, path: str) -> None:
    with pytest.raises(ValidationError, match="expected a path that begins with /"):
        ValseaSettings.model_validate({key: path})


def test_paths_of_another_version() -> None:
    paths = {"session_path": "/v2/s", "end_path": "/v2/s/{room}/end", "library_path": "/v2/{voicebot}"}
    assert ValseaSettings.model_validate(paths).end_path == "/v2/s/{room}/end"


@pytest.mark.parametrize(
    "url", ["https://", "https://h:99999999", "https://api.valsea.ai?x=1", "http://api.valsea.ai", "ftp://x"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValidationError, match="expected an https:// address"):
        ValseaSettings(base_url=url)

"""Sentences in other languages name commands as Discord shows them in that language."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message

from tests.translations import LANGUAGES, ROOT, catalogue, packages

VOICEBOT = ROOT / "plugins" / "voicebot"
#: `/voicebot` and the name of the command behind it.
NAMED = re.compile(r"`/voicebot ([\w-]+)")


def texts(message: Message) -> tuple[str, ...]:
    return tuple(map(str, message.string if isinstance(message.string, list | tuple) else [message.string]))


def commands(language: str) -> dict[str, str]:
    """The words of commands in a language, by the English one."""
    return {str(m.id): str(m.string) for m in catalogue(VOICEBOT, language) if m.context == "command" and m.string}


def wrong(language: str) -> Iterator[str]:
    """Translations that name a command that Discord does not show in their language."""
    known = set(commands(language).values())
    for package in packages():
        for message in catalogue(package, language):
            for text in texts(message) if message.id else ():
                if any(name not in known for name in NAMED.findall(text)):
                    yield text


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_are_named_as_they_are_called(language: str) -> None:
    assert list(wrong(language)) == []


def test_an_english_name_among_them_is_found() -> None:
    assert "verlassen" in commands("de").values()
    assert NAMED.findall("`/voicebot verlassen` oder `/voicebot stummschaltung-aufheben`") == [
        "verlassen",
        "stummschaltung-aufheben",
    ]
    assert "leave" not in set(commands("de").values())

"""Which voicebot is meant: by name in any case, by id, or the usual one."""

import pytest

from bot.access.voicebots import resolve_voicebot
from bot.config.model import ServerSettings
from bot.errors import Refused

TWO = {"Guide": "66f0", "Poet": "66f1"}


@pytest.mark.parametrize(
    ("settings", "asked", "found"),
    [
        (ServerSettings(voicebots=TWO, voicebot="poet"), None, "66f1"),
        (ServerSettings(voicebots=TWO, voicebot="poet"), "GUIDE", "66f0"),
        (ServerSettings(voicebots={"Guide": "66f0"}), None, "66f0"),  # there is only one to mean
        (ServerSettings(voicebot="66f9"), None, "66f9"),
        (ServerSettings(voicebots=TWO, voicebot="66f9"), "66f9", "66f9"),
        (ServerSettings(), "66f9", "66f9"),
    ],
)
def test_it_is_found(settings: ServerSettings, asked: str | None, found: str) -> None:
    assert resolve_voicebot(settings, asked) == found


@pytest.mark.parametrize("settings", [ServerSettings(), ServerSettings(voicebots=TWO)])
def test_none_that_is_set_is_refused_with_the_way_out(settings: ServerSettings) -> None:
    with pytest.raises(Refused, match="/voicebot setup"):
        resolve_voicebot(settings, None)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r"no voicebot named cl\\\*own here. There are: \*\*Guide\*\*, \*\*Poet\*\*"):
        resolve_voicebot(ServerSettings(voicebots=TWO), "cl*own")

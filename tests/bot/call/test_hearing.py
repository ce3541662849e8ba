"""Why nobody is heard, each with its way out."""

import pytest

from bot.call.hearing import Listeners, diagnosis
from bot.media.report import SoundReport


def _sound(received: int, undecryptable: int, unowned: int = 0, heard: int = 0) -> SoundReport:
    return SoundReport(
        packets_received=received,
        packets_undecryptable=undecryptable,
        packets_unowned=unowned,
        packets_heard=heard,
    )


@pytest.mark.parametrize(
    ("sound", "listeners", "words"),
    [
        (_sound(500, 500), Listeners(1, 1, 0, False), "cannot be decrypted"),
        (_sound(505, 500), Listeners(1, 1, 0, False), "cannot be decrypted"),  # the others were silence, in clear
        (_sound(1251, 0, unowned=1251), Listeners(1, 1, 0, False), "does not say whose"),
        (_sound(0, 0), Listeners(1, 1, 0, True), "I am deafened"),
        (_sound(0, 0), Listeners(2, 0, 0, False), "Nobody in the channel has agreed"),
        (_sound(0, 0), Listeners(2, 2, 2, False), "Everybody in the channel is muted"),
        (_sound(0, 0), Listeners(2, 2, 1, False), "microphone"),
        (_sound(0, 0), Listeners(0, 0, 0, False), "microphone"),
    ],
)
def test_what_is_wrong(sound: SoundReport, listeners: Listeners, words: str) -> None:
    assert words in str(diagnosis(sound, listeners))


def test_somebody_was_heard() -> None:
    assert diagnosis(_sound(500, 400, unowned=90, heard=10), Listeners(2, 2, 2, False)) is None

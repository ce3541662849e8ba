"""Joining a voice channel: how often, how long, and what people read when it does not work."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.call.connection import voice_link
from bot.call.connection.voice_link import JOIN_ATTEMPTS, VoiceLink
from bot.errors import VoiceBlocked, VoiceClosed, VoiceError

CHANNEL = SimpleNamespace(id=1, guild=SimpleNamespace(me=SimpleNamespace(id=9)), voice_states={}, user_limit=0)


class ScriptedLink(VoiceLink):
    """Its attempts end as they are told to: with an error, or with None for well."""

    def __init__(self, *outcomes: Exception | None) -> None:
        super().__init__(cast(Any, CHANNEL), cast(Any, None), _ignore, lambda _: 64_000)
        self.outcomes = list(outcomes)
        self.attempts = 0

    async def _join(self) -> None:
        outcome = self.outcomes[min(self.attempts, len(self.outcomes) - 1)]
        self.attempts += 1
        if outcome is not None:
            raise outcome


def _ignore(_: object) -> None: ...


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_link, "JOIN_PAUSES", (0.0,) * (JOIN_ATTEMPTS - 1))


def _closed(code: int) -> VoiceClosed:
    return VoiceClosed(code, "closed")


async def test_it_is_tried_again_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(_closed(4006), VoiceError("no answer"), None)
    await link.connect()
    assert link.attempts == 3
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        f"joining voice, attempt {number} of {JOIN_ATTEMPTS}" for number in (1, 2)
    ]


async def test_after_five_attempts_people_read_what_could_help() -> None:
    link = ScriptedLink(VoiceError("no answer"))
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == JOIN_ATTEMPTS == 5
    assert "(5 of 5 attempts, nothing was billed)" in str(raised.value.for_user)
    assert "Another region" in str(raised.value.for_user)


@pytest.mark.parametrize("code", [4012, 4016, 4017, 4021])
async def test_a_refusal_that_no_attempt_changes_is_believed(code: int) -> None:
    link = ScriptedLink(_closed(code))
    with pytest.raises(VoiceClosed):
        await link.connect()
    assert link.attempts == 1


async def test_where_no_sound_gets_through_two_attempts_are_enough() -> None:
    link = ScriptedLink(VoiceBlocked("no UDP"))
    with pytest.raises(VoiceBlocked):
        await link.connect()
    assert link.attempts == 2


async def test_a_time_out_is_logged_and_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(_closed(4006), TimeoutError())
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == 2
    assert "(2 of 5 attempts, nothing was billed). Discord took too long to let me in." in str(raised.value.for_user)
    assert f"attempt 2 of {JOIN_ATTEMPTS}: no more time is left" in caplog.text


async def test_an_attempt_for_which_no_time_is_left_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_link, "JOIN_PAUSES", (60.0,) * (JOIN_ATTEMPTS - 1))
    link = ScriptedLink(VoiceError("no answer"))
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == 1
    assert "(1 of 5 attempts" in str(raised.value.for_user)

"""The echo test: nothing is opened, it ends by itself, and it says what it has found."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from bot.call.connection import media as media_module
from bot.call.connection.echo import EchoTest
from bot.errors import VoiceClosed, VoiceError
from bot.media.events import VoiceLost
from bot.media.report import SoundReport
from bot.voice.close_codes import Remedy
from bot.voice.handshake import Disconnected
from tests.bot.call.fakes import ANN, BOB, SERVER, VOICE, Play

Make = Callable[..., Play]
START, END = ["join channel", "connect voice", f"bots [{BOB}]", "join echo"], ["close sound", "leave channel"]


def _test(play: Play, longest: float = 60.0) -> EchoTest:
    play.guild.members[BOB].bot = True
    play.guild.people(ANN, BOB)
    channel = cast(Any, play.guild.channels[VOICE])
    return EchoTest(channel, play.config.server(1), ANN, play.services.engine, longest)


async def test_it_opens_no_session_and_says_what_it_has_found(play: Make) -> None:
    a_call = play("{consent: asked}")
    test = _test(a_call)
    running = asyncio.create_task(test.run())
    await test.ready
    assert a_call.story.told == START
    a_call.media[-1].numbers = SoundReport(packets_heard=50)
    test.stop()
    await running
    assert a_call.story.told == START + END
    assert test.sound.packets_heard == 50
    assert test.listeners is not None
    assert test.listeners.people == 1
    assert test.over.is_set()
    assert not a_call.media[-1].sound.ask_first  # who speaks into a test hears themselves, and nothing leaves Discord


async def test_it_can_be_stopped_while_it_is_being_started(play: Make) -> None:
    a_call = play()
    a_call.story.gates["connect voice"] = asyncio.Event()
    test = _test(a_call)
    running = asyncio.create_task(test.run())
    await a_call.settle()
    test.stop()
    async with asyncio.timeout(5):
        await running
    with pytest.raises(VoiceError) as error:
        await test.ready
    assert "before it had begun" in error.value.for_user
    assert a_call.story.told[-1] == "leave channel"


async def test_the_channel_is_left_though_the_media_loop_does_not_answer(
    play: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_module, "ANSWER_TIMEOUT", 0.01)
    a_call = play()
    test = _test(a_call)
    running = asyncio.create_task(test.run())
    await test.ready
    a_call.media[-1].stuck = True
    test.stop()
    async with asyncio.timeout(5):
        await running
    assert a_call.story.told == [*START, "leave channel"]
    assert test.over.is_set()


async def test_it_ends_by_itself(play: Make) -> None:
    test = _test(play(), longest=0.01)
    async with asyncio.timeout(5):
        await test.run()
    await test.ready


async def test_whatever_happens_to_the_connection_ends_it(play: Make) -> None:
    def lost(a_call: Play) -> None:
        a_call.media[-1].post(VoiceLost(SERVER, Remedy.FRESH_SESSION, "it broke"))

    def kicked(a_call: Play) -> None:
        a_call.handshake.listener(Disconnected())

    for happen in (lost, kicked):
        a_call = play()
        test = _test(a_call)
        running = asyncio.create_task(test.run())
        await test.ready
        happen(a_call)
        async with asyncio.timeout(5):
            await running
        assert a_call.story.told[-2:] == END


@pytest.mark.parametrize("error", [VoiceClosed(4017, "refused"), RuntimeError("a bug")])
async def test_one_that_cannot_begin_says_why_and_leaves_nothing(
    play: Make, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    a_call = play()
    a_call.story.failures["connect voice"] = [error]
    test = _test(a_call)
    await test.run()
    with pytest.raises(VoiceError):
        await test.ready
    assert a_call.story.told[-2:] == END
    assert test.over.is_set()


async def test_one_that_is_cancelled_leaves_nothing(play: Make) -> None:
    a_call = play()
    test = _test(a_call)
    running = asyncio.create_task(test.run())
    await test.ready
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert a_call.story.told[-2:] == END
    assert test.over.is_set()

"""One echo test per server, found while it goes on, and nothing left of it after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from bot.call.connection.echo import EchoTest
from bot.call.echo_tests import EchoTests
from bot.errors import VoiceClosed, VoiceError
from tests.bot.call.fakes import ANN, GUILD, VOICE, Play
from tests.support import eventually

OTHER_GUILD = 99


class Played:
    """The tests of a process, on the parts of a played call."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.tests = EchoTests(play.services.engine)

    async def start(self) -> EchoTest:
        channel = cast(Any, self.play.guild.channels[VOICE])
        return await self.tests.start(channel, self.play.config.server(GUILD), ANN)


@pytest.fixture
async def played(play: Callable[..., Play]) -> AsyncIterator[Played]:
    played = Played(play())
    yield played
    await played.tests.end(GUILD)


async def test_it_is_found_while_it_goes_on(played: Played) -> None:
    test = await played.start()
    assert played.tests.of_guild(GUILD) is test
    assert played.tests.of_guild(OTHER_GUILD) is None
    await played.tests.end(GUILD)
    assert test.over.is_set()
    assert played.tests.of_guild(GUILD) is None
    await eventually(lambda: not played.tests.tasks)


async def test_one_that_cannot_begin_is_not_found(played: Played) -> None:
    played.play.story.failures["connect voice"] = [VoiceClosed(4017, "refused")]
    with pytest.raises(VoiceError):
        await played.start()
    await eventually(lambda: played.tests.of_guild(GUILD) is None)


async def test_it_ends_when_everybody_has_left_and_not_before(played: Played) -> None:
    test = await played.start()
    played.tests.on_voice_state(GUILD)
    await played.play.settle()
    assert not test.over.is_set()
    played.play.guild.people()
    played.tests.on_voice_state(OTHER_GUILD)
    await played.play.settle()
    assert not test.over.is_set()
    played.tests.on_voice_state(GUILD)
    async with asyncio.timeout(5):
        await test.over.wait()


async def test_at_the_end_of_the_process_all_are_stopped(played: Played) -> None:
    test = await played.start()
    played.tests.stop()
    async with asyncio.timeout(5):
        await asyncio.wait(played.tests.tasks)
    assert test.over.is_set()


async def test_who_gives_up_waiting_for_it_does_not_end_it(played: Played) -> None:
    played.play.story.gates["connect voice"] = asyncio.Event()
    starting = asyncio.create_task(played.start())
    await played.play.settle()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    test = played.tests.of_guild(GUILD)
    assert test is not None
    played.play.story.gates["connect voice"].set()
    async with asyncio.timeout(5):
        await test.ready

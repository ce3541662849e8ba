"""The stage on which tests of whole calls play: started once, every test gets servers and people of its own."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.libopus import load_opus
from sandbox.stage import Stage
from tests import flight_records
from tests.running_bot import RunningBot

load_opus()

#: What precedes the stack trace of the plugin that is there to fail.
WANTED = "plugin nasty failed in "

#: What a bot's log must never show, whatever a test did to it.
CARELESS = (
    "Traceback",
    "never awaited",
    "was never retrieved",
    "was destroyed",
    "ResourceWarning",
    "Unclosed",
    "HTTP Request:",
)


@pytest.fixture(scope="session")
async def whole_bot() -> None:
    """For tests in whose process the whole bot is imported, LiveKit's SDK with it, or that run a sandbox elsewhere."""


@pytest.fixture(scope="session")
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """LiveKit, Valsea with its voicebot, Discord. What hearing needs is loaded where a test needs hearing."""
    ears = any(item.get_closest_marker("ears") for item in request.session.items)
    async with Stage(ears=ears, records="records") as stage:
        yield stage
    flight_records.check(stage)
    for log in stage.folder.rglob("bot-*.log"):
        lines = log.read_text().splitlines()
        found = [number for number, line in enumerate(lines) if any(sign in line for sign in CARELESS)]
        found = [number for number in found if WANTED not in lines[number - 1]]
        # What follows names the task and where it was made.
        assert not found, f"{log}:\n" + "\n".join(lines[max(0, found[0] - 15) : found[0] + 40])
    if not request.session.testsfailed:  # else its logs tell why
        shutil.rmtree(stage.folder)


@pytest.fixture(autouse=True)
def _ears(request: pytest.FixtureRequest) -> None:
    """Voicebots understand speech in tests marked `ears` alone: recognition takes a core that calls need."""
    if "stage" in request.fixturenames:
        stage: Stage = request.getfixturevalue("stage")
        stage.valsea.ears = request.node.get_closest_marker("ears") is not None


@pytest.fixture(scope="session")
async def default_bot(stage: Stage) -> RunningBot:
    """A bot with the settings a server has by default, in Python's development mode: that finds what is never awaited,
    and makes everything slow."""
    return await start_bot(stage, development=True)


@pytest.fixture(scope="session")
async def impatient_bot(stage: Stage) -> RunningBot:
    """A bot that gives up quickly on an empty channel and a broken connection, so that tests of that are short. On the
    voicebot it does not: a machine that does other things too may take seconds to bring it."""
    return await start_bot(stage, empty_channel_grace=0.5, reconnect_limit=6.0)


@pytest.fixture(scope="session")
async def plain_bot(stage: Stage) -> RunningBot:
    """The process behind `ordinary_bot`."""
    return await start_bot(stage, folder="ordinary", empty_channel_grace=0.5)


@pytest.fixture
async def ordinary_bot(plain_bot: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot that many tests share, each with servers that have settings of their own. No call of a test outlives it."""
    bot = replace(plain_bot, earlier=frozenset(plain_bot.organisation.meters), places=[])
    yield bot
    await bot.end_calls()


async def start_bot(
    stage: Stage, *, development: bool | None = None, folder: str = "", **settings: object
) -> RunningBot:
    """A bot of its own for a test, or one that many share."""
    account = stage.account()
    key = stage.valsea.create_key("test")
    process = stage.bot(account, key, development=development, folder=folder)
    await process.start(stage.config(**settings))
    return RunningBot(stage, account, key, process)

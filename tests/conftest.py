"""The stage on which tests of whole calls play: started once, every test gets servers and people of its own."""

import shutil
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from sandbox.libopus import load_opus
from sandbox.stage import Stage
from tests.support import RunningBot

load_opus()

#: What precedes the stack trace of the plugin that is there to fail.
WANTED = "plugin nasty failed in "

# How fast an example runs says nothing on a machine that does other things too; it is measured in `benchmarks/`.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")

#: What a bot's log must never show, whatever a test did to it.
CARELESS = ("Traceback", "never awaited", "was never retrieved", "was destroyed", "ResourceWarning", "Unclosed")


@pytest.fixture(scope="session")
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """LiveKit, Valsea with its voicebot, Discord. What hearing needs is loaded where a test needs hearing."""
    async with Stage(ears=any(item.get_closest_marker("ears") for item in request.session.items)) as stage:
        yield stage
    for log in stage.folder.rglob("bot-*.log"):
        lines = log.read_text().splitlines()
        found = [number for number, line in enumerate(lines) if any(sign in line for sign in CARELESS)]
        found = [number for number in found if WANTED not in lines[number - 1]]
        # What follows names the task and where it was made.
        assert not found, f"{log}:\n" + "\n".join(lines[max(0, found[0] - 15) : found[0] + 40])
    shutil.rmtree(stage.folder)  # kept when something is wrong


@pytest.fixture(autouse=True)
def _ears(request: pytest.FixtureRequest) -> None:
    """Voicebots understand speech in tests marked `ears` alone: recognition takes a core that calls need."""
    if "stage" in request.fixturenames:
        stage: Stage = request.getfixturevalue("stage")
        stage.valsea.ears = request.node.get_closest_marker("ears") is not None


@pytest.fixture(scope="session")
async def parley(stage: Stage) -> RunningBot:
    """A bot with the settings a server has by default."""
    return await start_bot(stage, development=True)


@pytest.fixture(scope="session")
async def hasty(stage: Stage) -> RunningBot:
    """A bot that gives up quickly, so that tests of giving up are short."""
    return await start_bot(
        stage, development=True, empty_channel_grace=0.5, voicebot_arrival=2.5, voicebot_return=1.0, reconnect_limit=6.0
    )


async def start_bot(stage: Stage, *, development: bool | None = None, **settings: object) -> RunningBot:
    """A bot of its own for a test. The two that most tests share run in Python's development mode, which finds what is
    never awaited or closed; it is slow, and these start sooner without."""
    account = stage.account()
    key = stage.valsea.create_key("test")
    process = stage.bot(account, key, development=development)
    await process.start(stage.config(**settings))
    return RunningBot(stage, account, key, process)

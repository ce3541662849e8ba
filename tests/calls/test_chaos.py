"""A short form of `make chaos`: whenever the bot is killed, nobody pays on, and each session has one receipt."""

from sandbox.stage import Stage
from tests.chaos import run


async def test_killed_at_any_moment(stage: Stage) -> None:
    stage.valsea.faults.clear()
    stage.valsea.send_voicebot = False
    try:
        tally = await run(stage, kills=4, seed=20260301)
    finally:
        stage.valsea.send_voicebot = True
    assert tally.problems == []
    assert tally.kills == 4
    assert tally.sessions >= 3

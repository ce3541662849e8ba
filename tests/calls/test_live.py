"""`parley live` on the stand-ins: it holds what they hold, names what is otherwise, and always ends what it opened."""

import asyncio
import os
import random
import signal
from itertools import count

import pytest

from bot.live import speech
from bot.live.check import PARTICIPANT
from bot.recorder.reading import read
from sandbox.reality import live
from sandbox.reality.live import LiveOutcome, LiveStage, under
from sandbox.stage import Stage
from tests.support import eventually

#: How many moments the check is interrupted at; a great many with PARLEY_MOMENTS=30, others with PARLEY_SEED.
MOMENTS, SEED = int(os.environ.get("PARLEY_MOMENTS", "3")), int(os.environ.get("PARLEY_SEED", "1"))
NUMBERS = count(1)


#: What a machine that does other things at the same time may miss.
BY_THE_CLOCK = (
    "! Parley adds little",
    "! What somebody says reaches Parley",
    "! What the voicebot says reaches people",
)


def scene(stage: Stage) -> LiveStage:
    return LiveStage(stage, f"The Museum {next(NUMBERS)}")


def findings(outcome: LiveOutcome) -> dict[str, list[str]]:
    """The assumptions by their marks."""
    lines = outcome.printed.splitlines()
    return {mark: [line for line in lines if line.startswith(f"{mark} ")] for mark in "+!?"}


def expect_paid_once(outcome: LiveOutcome) -> None:
    """One session of a minute, ended, and asked to end once more."""
    assert (outcome.billed, outcome.running, outcome.ends) == (1, False, 2), outcome


def test_the_stand_ins_know_what_is_asked() -> None:
    assert (live.QUESTION, live.PARTICIPANT) == (speech.QUESTION, PARTICIPANT)


@pytest.mark.ears
async def test_where_everything_is_as_assumed_all_of_it_holds(stage: Stage) -> None:
    museum = scene(stage)
    outcome = await museum.run(understood=True)
    found = findings(outcome)
    assert found["!"] == [], outcome.printed
    assert found["?"] == [], outcome.printed
    assert outcome.code == 0
    expect_paid_once(outcome)
    assert "8 of 8 words were understood" in outcome.printed
    assert "10 of the first 10 packets" in outcome.printed
    (file,) = (museum.bot.config_file.parent / "records").glob("*.jsonl")
    assert str(file) in outcome.printed
    assert read(file).whole
    assert stage.discord.world.voice_channel_of(museum.place.guild_id, museum.account.user_id) is None
    assert stage.discord.world.voice_channel_of(museum.place.guild_id, museum.second.user_id) is None


@pytest.mark.parametrize(
    "names", [[name for name, _ in live.NAMED[start::2]] for start in (0, 1)], ids=["these", "those"]
)
async def test_what_is_otherwise_is_named(stage: Stage, names: list[str]) -> None:
    outcome = await under(stage, *names)
    assert outcome.code == 4, outcome.printed + outcome.errors
    said = dict(live.NAMED)
    named = {name: outcome.names(said[name]) for name in names}
    assert [name for name in names if not named[name]] == [], outcome.printed
    others = set(outcome.differing) - set(named.values())
    assert [one for one in others if not one.startswith(BY_THE_CLOCK)] == [], "nothing else differs"
    expect_paid_once(outcome)


async def test_alone_and_without_a_second_bot(stage: Stage) -> None:
    museum = scene(stage)
    place = ("--server", str(museum.place.guild_id), "--channel", str(museum.place.voice_id))
    outcome = await museum.run(*place, understood=True)
    assert "? What somebody says reaches Parley: not seen" in outcome.printed
    assert findings(outcome)["!"] == [], outcome.printed
    assert outcome.code == 5
    expect_paid_once(outcome)


@pytest.mark.parametrize("number", range(MOMENTS))
async def test_interrupted_at_any_moment_it_leaves_nothing_billed(stage: Stage, number: int) -> None:
    chance = random.Random(f"{SEED}.{number}")
    museum = scene(stage)
    process = await museum.start()
    assert process.stdout is not None
    assert await process.stdout.readline(), "it says first what it will do"
    async with museum.recogniser():
        # Half of the moments are counted from the session on: what comes before it costs nothing.
        if chance.random() < 0.5:
            await eventually(lambda: bool(museum.sessions), 60, "no session was opened")
        await asyncio.sleep(chance.uniform(0, 8))
        if process.returncode is None:
            process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
        outcome = await museum.outcome(process)
    assert not outcome.running, outcome
    assert outcome.billed <= 1
    assert "Traceback" not in outcome.errors, outcome.errors
    places = stage.discord.world
    assert places.voice_channel_of(museum.place.guild_id, museum.account.user_id) is None
    assert places.voice_channel_of(museum.place.guild_id, museum.second.user_id) is None


async def test_a_place_that_is_not_there_costs_nothing(stage: Stage) -> None:
    museum = scene(stage)
    server, voice, text = museum.place.guild_id, museum.place.voice_id, museum.place.text_id
    for place, said in (
        ((1, voice), f"The bot is not on server 1. It is on {server} ({museum.name})."),
        ((server, text), f"{text} is no voice channel that the bot sees. There are {voice} (Lounge)."),
    ):
        outcome = await museum.run("--server", str(place[0]), "--channel", str(place[1]), understood=True)
        assert said in outcome.errors
        assert (outcome.code, outcome.billed) == (1, 0)


async def test_the_same_bot_twice_is_noticed(stage: Stage) -> None:
    museum = scene(stage)
    museum.second = museum.account
    outcome = await museum.run(understood=True)
    assert "The second bot needs an application of its own" in outcome.errors
    assert (outcome.code, outcome.billed) == (1, 0)


@pytest.mark.parametrize("variable", ["DISCORD_TOKEN", live.SECOND_TOKEN])
async def test_a_token_that_discord_refuses_is_named(stage: Stage, variable: str) -> None:
    museum = scene(stage)
    account = museum.second if variable == live.SECOND_TOKEN else museum.account
    account.token = "wrong.wrong.wrong"
    outcome = await museum.run(understood=True)
    assert f"Discord refused the token in {variable}" in outcome.errors
    assert "Traceback" not in outcome.errors
    assert (outcome.code, outcome.billed) == (3, 0)

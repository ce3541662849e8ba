"""A session is ended in every case in which a call is over. Asserted at the provider's meter."""

import asyncio
import time
from pathlib import Path

import pytest

from sandbox.stage import Stage
from sandbox.valsea.faults import Fault
from tests.conftest import start_bot
from tests.support import RunningBot, eventually


@pytest.fixture(autouse=True)
def _no_faults(hasty: RunningBot) -> None:
    """What one test breaks is whole again for the next."""
    hasty.stage.valsea.faults.clear()
    hasty.stage.valsea.send_voicebot = True


async def test_leave(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    assert hasty.bills(session)
    reply = await hasty.command(place, place.people[0], "voicebot leave")
    assert "Leaving" in reply
    await hasty.expect_end(place, session, "someone sent the bot away")
    world = hasty.stage.discord.world
    await eventually(lambda: world.voice_channel_of(place.guild_id, hasty.account.user_id) is None)


async def test_the_last_person_leaves_and_another_bot_does_not_count(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    music_bot = hasty.stage.account("Music")
    hasty.stage.discord.world.add_member(place.guild_id, music_bot.user_id)
    hasty.stage.discord.world.set_voice_state(place.guild_id, music_bot.user_id, place.voice_id)
    await place.people[0].leave()
    await hasty.expect_end(place, session, "everybody had left")


async def test_a_return_within_the_grace_keeps_the_call(parley: RunningBot) -> None:
    place = parley.place()
    session = await parley.start_call(place)
    await place.people[0].leave()
    await asyncio.sleep(0.7)
    await place.people[0].join(place.guild_id, place.voice_id)
    await asyncio.sleep(1)
    assert parley.bills(session)
    assert "live" in await parley.command(place, place.people[0], "voicebot status")
    await parley.command(place, place.people[0], "voicebot leave")
    await parley.expect_end(place, session, "someone sent the bot away")


async def test_kicked(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    hasty.stage.discord.leave_voice(place.guild_id, hasty.account.user_id)
    await hasty.expect_end(place, session, "was disconnected", within=2)


async def test_kicked_while_it_is_starting(hasty: RunningBot) -> None:
    """The session is open, and the room is being joined: nobody waits for that first."""
    place = hasty.place()
    stage = hasty.stage
    await place.people[0].join(place.guild_id, place.voice_id)
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0)
    stage.valsea.livekit_url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"  # accepts, and says nothing
    stage.valsea.send_voicebot = False
    try:
        session = await hasty.request_session(place)
        await asyncio.sleep(0.3)
        assert hasty.bills(session)
        stage.discord.leave_voice(place.guild_id, hasty.account.user_id)
        await eventually(lambda: not hasty.bills(session), 2)
        await hasty.expect_end(place, session, "was disconnected")
    finally:
        stage.valsea.livekit_url = None
        for writer in connections:
            writer.close()
        silent.close()


async def test_moved(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    other = hasty.stage.discord.world.create_voice_channel(place.guild_id, "Elsewhere")
    hasty.stage.discord.move(place.guild_id, hasty.account.user_id, other)
    await hasty.expect_end(place, session, "was moved", within=3)


async def test_voice_channel_deleted(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    hasty.stage.discord.delete_channel(place.voice_id)
    await hasty.expect_end(place, session, "channel was deleted", within=3)


async def test_text_channel_deleted_does_not_end_the_call(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    hasty.stage.discord.world.delete_channel(place.text_id)
    await asyncio.sleep(0.5)
    assert hasty.bills(session)
    hasty.stage.discord.leave_voice(place.guild_id, hasty.account.user_id)
    await eventually(lambda: not hasty.bills(session))


async def test_removed_from_the_server(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    hasty.stage.discord.world.remove_guild(place.guild_id)
    await eventually(lambda: not hasty.bills(session), 3)


async def test_room_closed_by_the_provider(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    await hasty.stage.valsea.delete_room(session.room)
    await hasty.expect_end(place, session, "the voicebot's side ended it", within=5)


async def test_the_voicebot_never_arrives(hasty: RunningBot) -> None:
    hasty.stage.valsea.send_voicebot = False
    place = hasty.place()
    session = await hasty.start_call(place, arrived=False)
    await hasty.expect_end(place, session, "never arrived")


async def test_the_voicebot_goes_away(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    assert hasty.stage.worker is not None
    hasty.stage.worker.say(session.id, "Hello.")
    await eventually(lambda: place.people[0].ear.frames_from(hasty.account.user_id) > 5)
    hasty.stage.worker.leave(session.id)
    await hasty.expect_end(place, session, "went away")


async def test_the_room_cannot_be_joined(hasty: RunningBot) -> None:
    """The session is open by then, so it must be ended."""
    place = hasty.place()
    livekit, port = hasty.stage.livekit, hasty.stage.livekit.port
    await place.people[0].join(place.guild_id, place.voice_id)
    hasty.stage.valsea.send_voicebot = False
    try:
        livekit.port = 1  # nothing listens there; only the answer to the POST reads it
        reply = await hasty.command(place, place.people[0], "voicebot join")
    finally:
        livekit.port = port
    assert "room could not be joined" in reply
    session = list(hasty.stage.valsea.sessions.values())[-1]
    await eventually(lambda: not hasty.bills(session))
    await hasty.expect_end(place, session, "could not be started")


async def test_leave_while_it_is_starting(hasty: RunningBot) -> None:
    """The POST is on its way when the person changes their mind: its answer is waited for, and ended."""
    place = hasty.place()
    stage = hasty.stage
    stage.valsea.faults.add(Fault("open", delay=1.5))
    await place.people[0].join(place.guild_id, place.voice_id)
    joining = asyncio.create_task(hasty.command(place, place.people[0], "voicebot join"))
    before = len(stage.valsea.requests)
    await eventually(lambda: len(stage.valsea.requests) > before)
    assert "Leaving" in await hasty.command(place, place.people[0], "voicebot leave")
    assert "ended before it had begun" in await joining
    session = list(stage.valsea.sessions.values())[-1]
    await eventually(lambda: not hasty.bills(session))


async def test_a_delete_that_fails_is_repeated_until_it_is_confirmed(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    faults = hasty.stage.valsea.faults
    faults.add(Fault("end", status=503))
    faults.add(Fault("end", drop=True))
    faults.add(Fault("end", html=True))  # a web page's 404 is no end
    await hasty.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: not hasty.bills(session), 15)
    await eventually(lambda: len(hasty.receipts(place)) == 1)


async def test_a_session_that_is_gone_already_is_an_end(hasty: RunningBot) -> None:
    """The answer to the first DELETE is lost; the second one's 404 is taken for what it is."""
    place = hasty.place()
    session = await hasty.start_call(place)
    hasty.stage.valsea.faults.add(Fault("end", drop=True, when="after"))
    await hasty.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: len(hasty.receipts(place)) == 1)
    assert not hasty.bills(session)


async def test_sigterm(stage_bot: RunningBot) -> None:
    place = stage_bot.place()
    session = await stage_bot.start_call(place)
    code = await stage_bot.process.stop(timeout=10)
    assert code == 0
    assert not stage_bot.bills(session)
    assert "being restarted" in stage_bot.receipts(place)[0]


async def test_sigterm_while_the_gateway_is_out_of_reach(stage: Stage) -> None:
    """discord.py tries to connect for ever; Docker would kill it after ten seconds."""
    account = stage.account()
    process = stage.bot(account, stage.valsea.create_key("test"), development=False)
    config = stage.config()
    config["network"]["connect_to"] = {"gateway.discord.gg": "127.0.0.1:1", **config["network"]["connect_to"]}
    process.configure(config)
    await process.run(ready=False)
    await eventually(lambda: "Failed to connect" in process.log.read_text(), 20)
    started = time.monotonic()
    assert await process.stop(timeout=9) == 0
    assert time.monotonic() - started < 9
    assert "Cannot connect to host gateway.discord.gg" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()  # a network that is away is no bug


@pytest.fixture
async def stage_bot(hasty: RunningBot) -> RunningBot:
    """A bot of its own for a test that ends it."""
    return await start_bot(hasty.stage)


async def test_two_servers_have_calls_of_their_own(hasty: RunningBot) -> None:
    first, second = hasty.place("Ann"), hasty.place("Bob")
    one, two = await hasty.start_call(first), await hasty.start_call(second)
    await hasty.command(first, first.people[0], "voicebot leave")
    await hasty.expect_end(first, one, "someone sent the bot away")
    assert hasty.bills(two)
    assert hasty.receipts(second) == []
    await hasty.command(second, second.people[0], "voicebot leave")
    await hasty.expect_end(second, two, "someone sent the bot away")


async def test_a_second_join_opens_no_second_session(hasty: RunningBot) -> None:
    place = hasty.place("Ann", "Bob")
    for person in place.people:
        await person.join(place.guild_id, place.voice_id)
    before = len(hasty.organisation.meters)
    replies = await asyncio.gather(*(hasty.command(place, person, "voicebot join") for person in place.people))
    assert len(hasty.organisation.meters) == before + 1
    assert sum("Just talk" in reply for reply in replies) == 1
    assert sum("There is a call in" in reply for reply in replies) == 1
    await hasty.command(place, place.people[0], "voicebot leave")


async def test_a_call_leaves_no_thread_behind(hasty: RunningBot) -> None:
    """The SDK keeps one for good, with some megabytes, of a room that the provider closes while we are in it."""
    bot = await start_bot(hasty.stage)
    place = bot.place()
    assert bot.process.process is not None
    tasks = Path(f"/proc/{bot.process.process.pid}/task")
    for number, pause in enumerate((0.0, 0.2, 0.4, 0.6, 0.8), 1):
        await bot.start_call(place, arrived=False)
        await asyncio.sleep(pause)
        await bot.command(place, place.people[0], "voicebot leave")
        await eventually(lambda number=number: len(bot.receipts(place)) == number, 20)  # type: ignore[misc]
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
    assert [name for name in names if name.startswith("AudioSource")] == []
    assert await bot.process.stop() == 0

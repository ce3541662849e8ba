"""A session is ended in every case in which a call is over. Asserted at the provider's meter."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from sandbox.stage import Stage
from sandbox.valsea.faults import Fault
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually


@pytest.fixture(autouse=True)
def _no_faults(impatient_bot: RunningBot) -> None:
    """What one test breaks is whole again for the next."""
    impatient_bot.stage.valsea.faults.clear()
    impatient_bot.stage.valsea.send_voicebot = True


async def test_leave(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    assert impatient_bot.bills(session)
    reply = await impatient_bot.command(place, place.people[0], "voicebot leave")
    assert "Leaving" in reply
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    world = impatient_bot.stage.discord.world
    await eventually(lambda: world.voice_channel_of(place.guild_id, impatient_bot.account.user_id) is None)


async def test_the_last_person_leaves_and_another_bot_does_not_count(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    music_bot = impatient_bot.stage.account("Music")
    impatient_bot.stage.discord.world.add_member(place.guild_id, music_bot.user_id)
    impatient_bot.stage.discord.world.set_voice_state(place.guild_id, music_bot.user_id, place.voice_id)
    await place.people[0].leave()
    await impatient_bot.expect_end(place, session, "everybody had left")


async def test_a_return_within_the_grace_keeps_the_call(default_bot: RunningBot) -> None:
    place = default_bot.place()
    session = await default_bot.start_call(place)
    await place.people[0].leave()
    await asyncio.sleep(0.7)
    await place.people[0].join(place.guild_id, place.voice_id)
    await asyncio.sleep(1)
    assert default_bot.bills(session)
    assert "live" in await default_bot.command(place, place.people[0], "voicebot status")
    await default_bot.command(place, place.people[0], "voicebot leave")
    await default_bot.expect_end(place, session, "someone sent the bot away")


async def test_kicked(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.leave_voice(place.guild_id, impatient_bot.account.user_id)
    await impatient_bot.expect_end(place, session, "was disconnected", within=2)


async def test_kicked_while_it_is_starting(impatient_bot: RunningBot) -> None:
    """The session is open, and the room is being joined: nobody waits for that first."""
    place = impatient_bot.place()
    stage = impatient_bot.stage
    await place.people[0].join(place.guild_id, place.voice_id)
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0)
    stage.valsea.livekit_url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"  # accepts, and says nothing
    stage.valsea.send_voicebot = False
    try:
        session = await impatient_bot.request_session(place)
        await eventually(lambda: bool(connections))
        assert impatient_bot.bills(session)
        stage.discord.leave_voice(place.guild_id, impatient_bot.account.user_id)
        await eventually(lambda: not impatient_bot.bills(session), 2)
        await impatient_bot.expect_end(place, session, "was disconnected")
    finally:
        stage.valsea.livekit_url = None
        for writer in connections:
            writer.close()
        silent.close()


async def test_moved(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    other = impatient_bot.stage.discord.world.create_voice_channel(place.guild_id, "Elsewhere")
    impatient_bot.stage.discord.move(place.guild_id, impatient_bot.account.user_id, other)
    await impatient_bot.expect_end(place, session, "was moved", within=3)


async def test_voice_channel_deleted(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.delete_channel(place.voice_id)
    await impatient_bot.expect_end(place, session, "channel was deleted", within=3)


async def test_text_channel_deleted_does_not_end_the_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.world.delete_channel(place.text_id)
    await asyncio.sleep(0.5)
    assert impatient_bot.bills(session)
    impatient_bot.stage.discord.leave_voice(place.guild_id, impatient_bot.account.user_id)
    await eventually(lambda: not impatient_bot.bills(session))


async def test_removed_from_the_server(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.world.remove_guild(place.guild_id)
    await eventually(lambda: not impatient_bot.bills(session), 3)


async def test_room_closed_by_the_provider(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    await impatient_bot.stage.valsea.delete_room(session.room)
    await impatient_bot.expect_end(place, session, "the voicebot's side ended it", within=5)


async def test_the_voicebot_never_arrives(ordinary_bot: RunningBot) -> None:
    ordinary_bot.stage.valsea.send_voicebot = False
    place = await ordinary_bot.place_with(voicebot_arrival=2)
    session = await ordinary_bot.start_call(place, arrived=False)
    await ordinary_bot.expect_end(place, session, "never arrived")


async def test_the_voicebot_goes_away(ordinary_bot: RunningBot) -> None:
    place = await ordinary_bot.place_with(voicebot_return=1)
    session = await ordinary_bot.start_call(place)
    assert ordinary_bot.stage.worker is not None
    ordinary_bot.stage.worker.say(session.id, "Hello.")
    await eventually(lambda: place.people[0].ear.frames_from(ordinary_bot.account.user_id) > 5, 20)
    ordinary_bot.stage.worker.leave(session.id)
    await ordinary_bot.expect_end(place, session, "went away")


async def test_the_room_cannot_be_joined(impatient_bot: RunningBot) -> None:
    """The session is open by then, so it must be ended."""
    place = impatient_bot.place()
    livekit, port = impatient_bot.stage.livekit, impatient_bot.stage.livekit.port
    await place.people[0].join(place.guild_id, place.voice_id)
    impatient_bot.stage.valsea.send_voicebot = False
    try:
        livekit.port = 1  # nothing listens there; only the answer to the POST reads it
        reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    finally:
        livekit.port = port
    assert "room could not be joined" in reply
    session = list(impatient_bot.stage.valsea.sessions.values())[-1]
    await eventually(lambda: not impatient_bot.bills(session))
    await impatient_bot.expect_end(place, session, "could not be started")


async def test_leave_while_it_is_starting(impatient_bot: RunningBot) -> None:
    """The POST is on its way when the person changes their mind: its answer is waited for, and ended."""
    place = impatient_bot.place()
    stage = impatient_bot.stage
    impatient_bot.plan(Fault("open", delay=1.5))
    await place.people[0].join(place.guild_id, place.voice_id)
    joining = asyncio.create_task(impatient_bot.command(place, place.people[0], "voicebot join"))
    before = impatient_bot.requests_to("POST")
    await eventually(lambda: impatient_bot.requests_to("POST") > before)
    assert "Leaving" in await impatient_bot.command(place, place.people[0], "voicebot leave")
    assert "ended before it had begun" in await joining
    session = list(stage.valsea.sessions.values())[-1]
    await eventually(lambda: not impatient_bot.bills(session))


async def test_a_delete_that_fails_is_repeated_until_it_is_confirmed(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    a_web_page = Fault("end", html=True)  # its 404 is no end
    impatient_bot.plan(Fault("end", status=503), Fault("end", drop=True), a_web_page)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: not impatient_bot.bills(session), 15)
    await eventually(lambda: len(impatient_bot.receipts(place)) == 1)


async def test_a_session_that_is_gone_already_is_an_end(impatient_bot: RunningBot) -> None:
    """The answer to the first DELETE is lost; the second one's 404 is taken for what it is."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.plan(Fault("end", drop=True, when="after"))
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: len(impatient_bot.receipts(place)) == 1)
    assert not impatient_bot.bills(session)


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
async def stage_bot(impatient_bot: RunningBot) -> RunningBot:
    """A bot of its own for a test that ends it."""
    return await start_bot(impatient_bot.stage)


async def test_two_servers_have_calls_of_their_own(impatient_bot: RunningBot) -> None:
    first, second = impatient_bot.place("Ann"), impatient_bot.place("Bob")
    one, two = await impatient_bot.start_call(first), await impatient_bot.start_call(second)
    await impatient_bot.command(first, first.people[0], "voicebot leave")
    await impatient_bot.expect_end(first, one, "someone sent the bot away")
    assert impatient_bot.bills(two)
    assert impatient_bot.receipts(second) == []
    await impatient_bot.command(second, second.people[0], "voicebot leave")
    await impatient_bot.expect_end(second, two, "someone sent the bot away")


async def test_a_second_join_opens_no_second_session(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    for person in place.people:
        await person.join(place.guild_id, place.voice_id)
    before = len(impatient_bot.organisation.meters)
    replies = await asyncio.gather(*(impatient_bot.command(place, person, "voicebot join") for person in place.people))
    assert len(impatient_bot.organisation.meters) == before + 1
    assert sum("Just talk" in reply for reply in replies) == 1
    assert sum("There is a call in" in reply for reply in replies) == 1
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_a_call_leaves_no_thread_behind(ordinary_bot: RunningBot) -> None:
    """The SDK keeps one for good, with some megabytes, of a room that the provider closes while we are in it."""
    bot = ordinary_bot
    place = bot.place()
    assert bot.process.process is not None
    tasks = Path(f"/proc/{bot.process.process.pid}/task")

    def threads() -> int:
        count = 0
        for task in tasks.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended while we were looking
                count += (task / "comm").read_text().startswith("AudioSource")
        return count

    before = threads()
    for number, pause in enumerate((0.0, 0.2, 0.4, 0.6, 0.8), 1):
        await bot.start_call(place, arrived=False)
        await asyncio.sleep(pause)
        await bot.command(place, place.people[0], "voicebot leave")
        await eventually(lambda number=number: len(bot.receipts(place)) == number, 20)  # type: ignore[misc]
    await eventually(lambda: threads() == before, 10, f"{threads()} threads where there were {before}")

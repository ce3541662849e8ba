"""Connections break in mid-call: the call goes on, on the same session, or ends and says so."""

import asyncio

import pytest

from sandbox.stage import Place
from sandbox.valsea.session import Session
from tests.calls.hum import is_heard
from tests.running_bot import RunningBot
from tests.support import eventually


@pytest.mark.parametrize("code", [4015, 1006, 4000])
async def test_a_lost_voice_websocket_is_resumed(impatient_bot: RunningBot, code: int) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    voice = impatient_bot.stage.discord.voice
    before = _ssrc(impatient_bot, place)
    for socket in [s for ssrc, s in voice._sockets.items() if ssrc == before]:
        if code == 1006:
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()
    if code != 1006:
        voice.close_sockets(place.guild_id, impatient_bot.account.user_id, code)
    await asyncio.sleep(1.5)
    assert _ssrc(impatient_bot, place) == before  # the same session
    assert await is_heard(impatient_bot, place.people[0], session)
    assert "live" in await impatient_bot.command(place, place.people[0], "voicebot status")
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_an_invalid_voice_session_is_replaced(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    before = _ssrc(impatient_bot, place)
    impatient_bot.stage.discord.voice.forget_sessions(place.guild_id, impatient_bot.account.user_id)
    await eventually(lambda: _ssrc(impatient_bot, place) not in (None, before))
    await place.people[0].keys()
    assert await is_heard(impatient_bot, place.people[0], session)
    assert impatient_bot.bills(session)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_the_voice_server_changes(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    before = _ssrc(impatient_bot, place)
    impatient_bot.stage.discord.change_voice_server(place.guild_id, impatient_bot.account.user_id)
    await eventually(lambda: _ssrc(impatient_bot, place) not in (None, before))
    await place.people[0].keys()
    assert await is_heard(impatient_bot, place.people[0], session)
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_a_voice_server_that_stays_away_ends_the_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    voice = impatient_bot.stage.discord.voice
    voice.reject_with = 4006
    try:
        voice.forget_sessions(place.guild_id, impatient_bot.account.user_id)
        await impatient_bot.expect_end(place, session, "voice server broke", within=15)
    finally:
        voice.reject_with = None


@pytest.mark.parametrize("code", [4021, 4022])
async def test_codes_that_forbid_a_reconnect_end_the_call(impatient_bot: RunningBot, code: int) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.voice.close_sockets(place.guild_id, impatient_bot.account.user_id, code)
    await impatient_bot.expect_end(place, session, "voice server broke", within=5)


async def _call_without_gateway(bot: RunningBot, monkeypatch: pytest.MonkeyPatch) -> tuple[Place, Session]:
    """A call whose bot has just lost the main gateway, and is greeted anew a second later."""
    place = bot.place()
    session = await bot.start_call(place)
    gateway = bot.stage.discord.gateway
    gateway.drop(bot.account, resumable=True)
    monkeypatch.setattr(gateway, "latency", 1.0)
    await asyncio.sleep(0.2)
    return place, session


async def test_voice_that_is_lost_while_the_main_gateway_is_away_waits_for_it(
    ordinary_bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh voice session is asked for through the gateway."""
    bot = ordinary_bot
    place, session = await _call_without_gateway(bot, monkeypatch)
    discord = bot.stage.discord
    discord.voice.forget_sessions(place.guild_id, bot.account.user_id)
    await eventually(lambda: not _is_in_voice(bot))
    await eventually(lambda: _is_in_voice(bot), 15, bot.log())
    monkeypatch.setattr(discord.gateway, "latency", 0.0)
    assert await is_heard(bot, place.people[0], session)


async def test_a_call_that_ends_while_the_main_gateway_is_away_leaves_its_channel_afterwards(
    ordinary_bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = ordinary_bot
    place, session = await _call_without_gateway(bot, monkeypatch)
    discord = bot.stage.discord
    await bot.stage.valsea.delete_room(session.room)
    await eventually(lambda: not bot.bills(session))
    assert discord.world.voice_channel_of(place.guild_id, bot.account.user_id) == place.voice_id
    await eventually(lambda: discord.world.voice_channel_of(place.guild_id, bot.account.user_id) is None, 15, bot.log())


async def test_voice_sessions_that_do_not_hold_end_the_call(ordinary_bot: RunningBot) -> None:
    """Each of them is fine for a moment, in which nobody is heard, and the session bills."""
    bot = ordinary_bot
    place = bot.place()
    session = await bot.start_call(place)
    lost = 0
    async with asyncio.timeout(60):
        while bot.bills(session):
            if _is_in_voice(bot):
                bot.stage.discord.voice.forget_sessions(place.guild_id, bot.account.user_id)
                lost += 1
            await asyncio.sleep(0.2)
    assert 4 <= lost <= 25  # some are lost before they are one; it was one every 0.2 s before, without end
    await bot.expect_end(place, session, "the connection to Discord's voice server broke")


def _is_in_voice(bot: RunningBot) -> bool:
    connections = bot.stage.discord.voice._connections.values()
    return any(connection.user_id == bot.account.user_id for _, connection in connections)


@pytest.mark.parametrize("resumable", [True, False])
async def test_the_main_gateway_reconnects(ordinary_bot: RunningBot, resumable: bool) -> None:
    """Sound does not go through it: nobody notices."""
    bot = ordinary_bot
    place = bot.place()
    session = await bot.start_call(place)
    bot.stage.discord.gateway.drop(bot.account, resumable=resumable)
    assert await is_heard(bot, place.people[0], session)
    await eventually(lambda: any(s.outbox is not None for s in bot.stage.discord.gateway.sessions_of(bot.account)), 15)
    await asyncio.sleep(1)
    assert bot.bills(session)
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


def _said_in(bot: RunningBot, channel_id: int) -> str:
    return "\n".join(str(message["content"]) for message in bot.stage.discord.world.messages(channel_id))


async def test_following_a_move(ordinary_bot: RunningBot) -> None:
    """With `follow_moves` the call goes on in the other channel, in a voice that its bitrate allows."""
    bot = ordinary_bot
    place = await bot.place_with(follow_moves=True, empty_channel_grace=10)
    (ann,) = place.people
    session = await bot.start_call(place)
    other = bot.stage.discord.world.create_voice_channel(place.guild_id, "Elsewhere", bitrate=16_000)
    bot.stage.discord.move(place.guild_id, bot.account.user_id, other)
    await eventually(lambda: "now. It hears everyone in the channel" in _said_in(bot, other))
    await eventually(lambda: f"is in <#{other}> now. It hears everyone" in _said_in(bot, place.text_id))
    await ann.leave()
    await ann.join(place.guild_id, other)
    await ann.keys()
    assert await is_heard(bot, place.people[0], session)
    assert bot.stage.worker is not None
    ann.ear.clear()
    words = "The museum was founded a long time ago by a merchant who loved the sea."
    bot.stage.worker.say(session.id, f"{words} {words}")
    await eventually(lambda: ann.ear.frames_from(bot.account.user_id) > 100, 20)
    assert 8_000 < ann.ear.bitrate(bot.account.user_id) < 22_000  # Opus keeps to it over a while, not in each frame
    bot.stage.discord.world.set_bitrate(other, 96_000)  # `bitrate_kbps` is 64
    await asyncio.sleep(0.3)
    ann.ear.clear()
    await eventually(lambda: ann.ear.frames_from(bot.account.user_id) > 100, 20)
    assert 40_000 < ann.ear.bitrate(bot.account.user_id) < 80_000
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_a_storm_of_voice_servers_leaves_one_socket(impatient_bot: RunningBot) -> None:
    """Each server replaces the one before, also while that one is still being left or joined."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    before, others = _ssrc(impatient_bot, place), impatient_bot.voice_sockets() - 1
    for pause in (0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0):
        impatient_bot.stage.discord.change_voice_server(place.guild_id, impatient_bot.account.user_id)
        await asyncio.sleep(pause)
    await eventually(lambda: _ssrc(impatient_bot, place) not in (None, before))
    await place.people[0].keys()
    assert await is_heard(impatient_bot, place.people[0], session)
    assert impatient_bot.voice_sockets() == others + 1
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    assert impatient_bot.voice_sockets() == others


def _ssrc(bot: RunningBot, place: Place) -> int | None:
    """The bot's SSRC in the channel; None while it has no voice session."""
    room = bot.stage.discord.voice.rooms[place.voice_id]
    connection = room.of_user(bot.account.user_id)
    return None if connection is None else connection.ssrc


async def test_a_voice_server_that_is_taken_away_and_never_replaced_ends_the_call(impatient_bot: RunningBot) -> None:
    """Discord names no endpoint while it looks for another server; nobody pays for it to find none."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    discord = impatient_bot.stage.discord
    body = {"token": "t", "guild_id": str(place.guild_id), "endpoint": None}
    discord.gateway.send(impatient_bot.account, "VOICE_SERVER_UPDATE", body)
    await asyncio.sleep(0.3)  # it comes by another way than what follows, and is to come first
    discord.voice.forget_sessions(place.guild_id, impatient_bot.account.user_id)
    discord.voice.close_sockets(place.guild_id, impatient_bot.account.user_id, 4006)
    await impatient_bot.expect_end(place, session, "Discord's voice server broke", within=12)


async def test_kicked_after_a_rejoin(impatient_bot: RunningBot) -> None:
    """A rejoin says goodbye first; that must not make the bot deaf to being put out later."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    before = _ssrc(impatient_bot, place)
    impatient_bot.stage.discord.voice.forget_sessions(place.guild_id, impatient_bot.account.user_id)
    await eventually(lambda: _ssrc(impatient_bot, place) not in (None, before))
    await asyncio.sleep(0.5)
    impatient_bot.stage.discord.leave_voice(place.guild_id, impatient_bot.account.user_id)
    await impatient_bot.expect_end(place, session, "was disconnected", within=3)


async def test_the_last_person_leaves_while_the_gateway_is_away(impatient_bot: RunningBot) -> None:
    """Nobody tells a bot that identifies anew what it has missed: it must count again."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.stage.discord.gateway.drop(impatient_bot.account, resumable=False)
    await place.people[0].leave()
    await impatient_bot.expect_end(place, session, "everybody had left", within=15)

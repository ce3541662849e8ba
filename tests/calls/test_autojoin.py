"""Calls that begin by themselves, and calls whose starter leaves."""

import asyncio

from sandbox.discord.rest import Fault as RestFault
from sandbox.people.person import Person
from sandbox.stage import Place
from sandbox.valsea.faults import Fault
from tests.calls.hum import humming
from tests.running_bot import RunningBot
from tests.support import eventually


async def _server(bot: RunningBot, place: Place, **more: object) -> None:
    """Switch it on for the place's voice channel, as an operator's file does."""
    plugins = {"autojoin": {"enabled": True, "channels": [place.voice_id], "wait": 0.5}}
    await bot.set_up(place, **{"text_channel": place.text_id, "plugins": plugins, **more})


def _ann_and_ben(bot: RunningBot) -> tuple[Place, Person, Person]:
    place = bot.place("Ann", "Ben")
    ann, ben = place.people
    return place, ann, ben


async def test_it_joins_whoever_arrives_and_leaves_with_them(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    (ann,) = place.people
    await _server(bot, place)
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())
    await eventually(lambda: any("invited by" in m["content"] for m in bot.posts(place)))
    await ann.leave()
    await eventually(lambda: not bot.running)
    await eventually(lambda: bot.receipts(place) == ["It ended because everybody had left the voice channel."])


async def test_who_comes_while_the_last_call_is_ending_has_one_of_their_own(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place("Ann", "Ben")
    ann, ben = place.people
    await _server(bot, place)
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())
    await eventually(lambda: any("invited by" in m["content"] for m in bot.posts(place)))
    bot.plan(Fault("end", delay=3))
    await ann.leave()
    in_voice = bot.stage.discord.world.voice_channel_of
    await eventually(lambda: in_voice(place.guild_id, bot.account.user_id) is None)
    assert bot.running, "its end is confirmed later"
    await ben.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.opened) == 2, 10, bot.log())


async def test_limits_apply_and_are_told(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place, ann, _ = _ann_and_ben(bot)
    await _server(bot, place, limits={"server": {"minutes_per_day": 0}})
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: any("I did not join" in m["content"] for m in bot.posts(place)))
    assert "minutes for today are used up" in bot.posts(place)[0]["content"]
    assert not bot.opened


async def test_no_call_begins_where_people_cannot_read_that_they_are_heard(ordinary_bot: RunningBot) -> None:
    """In a channel that the bot may not write into, or in one of another server, which would read everything."""
    bot = ordinary_bot
    mute, crossing, other = bot.place("Ann"), bot.place("Ben"), bot.place("Cyd")
    block = {"autojoin": {"enabled": True, "channels": [mute.voice_id, crossing.voice_id], "wait": 0.5}}
    bot.stage.discord.world.deny(mute.text_id, bot.account.user_id, "send_messages")
    await bot.set_up(mute, text_channel=mute.text_id, plugins=block)
    await bot.set_up(crossing, text_channel=other.text_id, plugins=block)
    for place in (mute, crossing):
        await place.people[0].join(place.guild_id, place.voice_id)
    told = bot.stage.discord.world.messages
    await eventually(lambda: bool(told(crossing.voice_id)), 10, bot.log())
    assert "is gone, or an archived thread" in told(crossing.voice_id)[0]["content"]
    await asyncio.sleep(1)
    assert not bot.opened
    assert told(other.text_id) == told(mute.text_id) == []


async def test_the_call_goes_into_the_hands_of_whoever_is_left(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = await bot.place_with("Ann", "Ben", access={"stop": [1]}, empty_channel_grace=30)
    ann, ben = place.people
    session = await bot.start_call(place)
    assert "may end this call" in await bot.command(place, ben, "voicebot leave")
    await ann.leave()
    await eventually(
        lambda: any(f"<@{ben.user_id}> is the host of the call now" in m["content"] for m in bot.posts(place)),
        what=bot.log(),
    )
    assert bot.bills(session)
    assert "Leaving" in await bot.command(place, ben, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_it_follows_everybody_into_another_named_channel(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = bot.place()
    (ann,) = place.people
    other = bot.stage.discord.world.create_voice_channel(place.guild_id, "Garden")
    third = bot.stage.discord.world.create_voice_channel(place.guild_id, "Cellar")
    settings = {"enabled": True, "channels": [place.voice_id, other], "wait": 0.5}
    await _server(bot, place, plugins={"autojoin": settings}, empty_channel_grace=4, interrupt="nobody")
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())
    (room,) = bot.running
    session = bot.stage.valsea.sessions[room]
    async with asyncio.timeout(20):
        await session.arrived.wait()
    await ann.leave()
    await ann.join(place.guild_id, other)
    in_voice = bot.stage.discord.world.voice_channel_of
    await eventually(lambda: in_voice(place.guild_id, bot.account.user_id) == other, 10, bot.log())
    told = f"is in <#{other}> now. It hears everyone"  # which is said when it is there
    await eventually(lambda: any(told in m["content"] for m in bot.posts(place)))
    async with humming(bot, session, ann) as gap:
        await asyncio.sleep(1)
    assert gap.heard > 1.5
    assert bot.bills(session)
    await ann.leave()
    await ann.join(place.guild_id, third)  # which is not named
    await asyncio.sleep(1.5)
    assert in_voice(place.guild_id, bot.account.user_id) == other
    assert len(bot.opened) == 1


async def test_who_may_not_start_calls_starts_none_by_arriving(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place, ann, ben = _ann_and_ben(bot)
    role = bot.stage.discord.world.grant(place.guild_id, ben.user_id, "send_messages")
    await _server(bot, place, access={"start": [role]})
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: any("may start calls here" in m["content"] for m in bot.posts(place)))
    assert not bot.opened
    await ann.leave()
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: sum("may start calls here" in m["content"] for m in bot.posts(place)) == 2)
    await ben.join(place.guild_id, place.voice_id)  # while somebody is there who may not
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())


async def test_who_arrives_while_another_is_being_told_why_not_is_seen(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place, ann, ben = _ann_and_ben(bot)
    role = bot.stage.discord.world.grant(place.guild_id, ben.user_id, "send_messages")
    await _server(bot, place, access={"start": [role]})
    faults = bot.stage.discord.rest.faults
    later = {"message": "You are being rate limited.", "retry_after": 3.0, "global": False}
    faults.append(RestFault("POST", f"/channels/{place.text_id}/messages", 429, later, retry_after=3.0))
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: not faults)
    await ann.leave()
    await ben.join(place.guild_id, place.voice_id)
    assert not any("may start calls here" in m["content"] for m in bot.posts(place)), "Discord has taken it too soon"
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())


async def test_who_sent_the_bot_away_does_not_have_it_back_with_the_next_to_arrive(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place, ann, ben = _ann_and_ben(bot)
    await _server(bot, place)
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())
    await eventually(lambda: any("invited by" in m["content"] for m in bot.posts(place)))
    assert "Leaving" in await bot.command(place, ann, "voicebot leave")
    await eventually(lambda: not bot.running)
    await ben.join(place.guild_id, place.voice_id)
    await asyncio.sleep(1.5)
    assert len(bot.opened) == 1
    await ann.leave()
    await ben.leave()
    await ben.join(place.guild_id, place.voice_id)
    await eventually(lambda: len(bot.running) == 1, 10, bot.log())


async def test_a_reload_forgets_nothing_of_who_sent_the_bot_away(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place, ann, ben = _ann_and_ben(bot)
    bot.account.owner_id = ann.user_id
    await _server(bot, place)
    await ann.join(place.guild_id, place.voice_id)
    await eventually(lambda: any("invited by" in m["content"] for m in bot.posts(place)), 10, bot.log())
    assert "is in place" in await bot.command(place, ann, "voicebot plugins reload", name="autojoin")
    await bot.command(place, ann, "voicebot leave")
    await eventually(lambda: len(bot.receipts(place)) == 1)
    await ben.join(place.guild_id, place.voice_id)
    await asyncio.sleep(2)
    assert len(bot.opened) == 1


async def test_no_call_begins_where_nobody_would_be_told_of_it(ordinary_bot: RunningBot) -> None:
    """An admin has switched off what tells people that they are heard."""
    bot = ordinary_bot
    place, ann, ben = _ann_and_ben(bot)
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    await _server(bot, place)
    answer = await bot.command(place, ann, "voicebot settings set", key="plugins.voicebot.enabled", value="false")
    assert "is now `false`" in answer
    await ben.join(place.guild_id, place.voice_id)
    await eventually(lambda: any("tells people that they are heard" in m["content"] for m in bot.posts(place)))
    assert not bot.opened

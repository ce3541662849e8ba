"""The live message of a call on the wire: what it shows, what its buttons do, and that they outlive the bot."""

import asyncio
from typing import Any

from sandbox.people import speech
from sandbox.stage import Place
from sandbox.valsea.session import Session
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually

Json = dict[str, Any]


async def _start(bot: RunningBot, place: Place) -> Session:
    """A call whose channel has been told of it: the voicebot may be there before that."""
    session = await bot.start_call(place)
    await eventually(lambda: any("joined" in post["content"] for post in bot.posts(place)))
    return session


def _panel(bot: RunningBot, place: Place) -> Json:
    """The last message of the channel that had buttons, or lost them."""
    return next(message for message in reversed(bot.posts(place)) if "joined" in message["content"])


def _fields(message: Json) -> dict[str, str]:
    return {field["name"]: field["value"] for field in message["embeds"][0]["fields"]}


def _buttons(message: Json) -> list[str]:
    return [button["custom_id"] for row in message["components"] for button in row["components"]]


async def _click(bot: RunningBot, place: Place, custom_id: str) -> str:
    return await bot.stage.click(bot.account, place, place.people[0], _panel(bot, place), custom_id)


async def test_it_shows_who_was_heard_and_ends_the_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    session = await _start(impatient_bot, place)
    panel = _panel(impatient_bot, place)
    assert _buttons(panel) == ["parley:leave", "parley:mute", "parley:details"]
    assert _fields(panel) | {"Started": ""} == {
        "State": "live",
        "Started": "",
        "Billed minutes": "about 1",
        "Heard so far": "nobody yet",
    }
    await ann.say(await asyncio.to_thread(speech.speak, "When does the museum open tomorrow?"))
    await eventually(lambda: _fields(_panel(impatient_bot, place))["Heard so far"] == f"<@{ann.user_id}>", 12)
    assert "packets" in await _click(impatient_bot, place, "parley:details")
    assert "Leaving" in await _click(impatient_bot, place, "parley:leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    await eventually(lambda: not _panel(impatient_bot, place)["components"])
    assert _fields(_panel(impatient_bot, place))["State"] == "ended"


async def test_somebody_mutes_themselves_for_the_bot_and_comes_back(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    session = await _start(impatient_bot, place)
    assert "no longer hear you" in await _click(impatient_bot, place, "parley:mute")
    await eventually(
        lambda: f"<@{ann.user_id}>" in _fields(_panel(impatient_bot, place)).get("Not heard, by their choice", ""), 12
    )
    assert "no longer hear you" in await _click(impatient_bot, place, "parley:mute")  # a click too many changes nothing
    assert "hear you from now on" in await impatient_bot.command(place, ann, "voicebot unmute")
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_a_panel_that_a_crash_left_behind_is_ended_with_the_receipt(impatient_bot: RunningBot) -> None:
    bot = await start_bot(impatient_bot.stage)
    place = bot.place()
    await _start(bot, place)
    await bot.process.kill()
    await bot.process.run()
    await eventually(lambda: len(bot.receipts(place)) == 1, 20)
    panel = _panel(bot, place)
    assert panel["components"] == []
    assert _fields(panel)["State"] == "ended"
    assert "Duration" in _fields(panel)
    assert await bot.process.stop() == 0


async def test_an_old_panels_buttons_do_nothing_to_the_next_call(impatient_bot: RunningBot) -> None:
    """It is found by its message; that of the crash before, say, in a channel that cannot be read back."""
    bot = await start_bot(impatient_bot.stage)
    place = bot.place()
    world = bot.stage.discord.world
    world.deny(place.text_id, bot.account.user_id, "read_message_history")
    await _start(bot, place)
    await bot.process.kill()
    await bot.process.run()
    await eventually(lambda: len(bot.receipts(place)) == 1, 20)
    old = _panel(bot, place)
    assert _buttons(old) == ["parley:leave", "parley:mute", "parley:details"]
    session = await bot.start_call(place)
    await eventually(lambda: _panel(bot, place)["id"] != old["id"])
    assert "This call is over." in await bot.stage.click(bot.account, place, place.people[0], old, "parley:leave")
    assert bot.bills(session)
    assert next(post for post in bot.posts(place) if post["id"] == old["id"])["components"] == []
    assert "Leaving" in await _click(bot, place, "parley:leave")
    await eventually(lambda: not bot.bills(session))
    assert await bot.process.stop() == 0


async def test_it_shows_what_is_wrong_until_it_is_well_again(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await _start(impatient_bot, place)
    world, me = impatient_bot.stage.discord.world, impatient_bot.account.user_id
    world.deny(place.voice_id, me, "speak")
    await eventually(lambda: "Speak" in _fields(_panel(impatient_bot, place)).get("Last warning", ""), 12)
    world.deny(place.voice_id, me)
    await eventually(lambda: "Last warning" not in _fields(_panel(impatient_bot, place)), 12)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_it_is_edited_seldom(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Ben", "Cid", "Dora")
    session = await _start(impatient_bot, place)
    words = await asyncio.to_thread(speech.speak, "Hello there, everybody.")
    before = len(impatient_bot.stage.discord.rest.requests)
    for person in place.people:
        await person.say(words)
    edits = [
        1
        for method, path in impatient_bot.stage.discord.rest.requests[before:]
        if method == "PATCH" and "messages" in path
    ]
    assert len(edits) <= 3
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_without_it_a_plain_line_is_posted(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = await bot.place_with(plugins={"voicebot": {"panel": False}})
    await _start(bot, place)
    assert (_panel(bot, place)["embeds"], _panel(bot, place)["components"]) == ([], [])

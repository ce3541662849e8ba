"""Pictures on the real wires: every form, the session's first, the library's else, one post per showing."""

import asyncio
import json

import pytest

from sandbox.stage import Place
from sandbox.valsea.faults import Fault
from sandbox.valsea.session import ImageForm
from tests.running_bot import RunningBot
from tests.support import eventually

IMAGES = "https://images.valsea.example/museum/{}.png"


def _shown(bot: RunningBot, place: Place) -> list[str]:
    return [embed["image"]["url"] for post in bot.posts(place) for embed in post["embeds"] if embed.get("image")]


@pytest.mark.parametrize("form", ["key", "url", "tag"])
async def test_every_form_and_the_library(impatient_bot: RunningBot, form: ImageForm) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    session.image_form = form
    before = len(impatient_bot.stage.valsea.requests)
    for key in ("dinosaur", "garden_cafe", "ticket_prices"):  # the last two are in the library only
        session.on_voicebot({"event": "showed", "key": key})
    expected = [IMAGES.format(key) for key in ("dinosaur", "garden_cafe", "ticket_prices")]
    await eventually(lambda: _shown(impatient_bot, place) == expected)
    asked = [path for _, path, _ in impatient_bot.stage.valsea.requests[before:] if path.endswith("/library")]
    assert len(asked) == (0 if form == "url" else 1)
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_the_same_showing_announced_twice_is_one_post(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    forms: tuple[ImageForm, ...] = ("key", "url", "tag")
    for form in forms:
        session.image_form = form
        session.on_voicebot({"event": "showed", "key": "dinosaur"})
    session.on_voicebot({"event": "showed", "key": "floor_plan"})
    await eventually(lambda: len(_shown(impatient_bot, place)) == 2)
    assert _shown(impatient_bot, place) == [IMAGES.format("dinosaur"), IMAGES.format("floor_plan")]
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_what_cannot_be_shown_is_said(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    for _ in range(3):  # announced in several ways
        session.on_voicebot({"event": "showed", "key": "unknown_key"})
    body = {"type": "images", "images": [{"url": "http://169.254.169.254/latest/meta-data/x.png"}]}
    session.send_packet(session.room, json.dumps(body).encode())
    await eventually(lambda: sum("wanted to show" in post["content"] for post in impatient_bot.posts(place)) == 2)
    assert _shown(impatient_bot, place) == []
    assert "169.254" not in json.dumps(impatient_bot.posts(place))
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_a_library_that_cannot_be_read_is_asked_again(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    session.image_form = "key"
    impatient_bot.plan(Fault("library", status=404, html=True))
    session.on_voicebot({"event": "showed", "key": "garden_cafe"})
    await eventually(lambda: any("cannot be read just now" in post["content"] for post in impatient_bot.posts(place)))
    session.on_voicebot({"event": "showed", "key": "garden_cafe"})
    await eventually(lambda: _shown(impatient_bot, place) == [IMAGES.format("garden_cafe")])
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_a_post_that_failed_was_no_showing(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    world = impatient_bot.stage.discord.world
    world.deny(place.text_id, impatient_bot.account.user_id, "send_messages")
    session.on_voicebot({"event": "showed", "key": "dinosaur"})
    await asyncio.sleep(0.7)
    assert _shown(impatient_bot, place) == []
    world.deny(place.text_id, impatient_bot.account.user_id)
    session.on_voicebot({"event": "showed", "key": "dinosaur"})
    await eventually(lambda: _shown(impatient_bot, place) == [IMAGES.format("dinosaur")])
    await impatient_bot.command(place, place.people[0], "voicebot leave")

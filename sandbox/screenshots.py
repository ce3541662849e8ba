"""Pictures of what people see, for `docs/images`: a real call on the stage, drawn as Discord draws it. `make pictures`.

The bot, as a process of its own, posts on the sandbox's wire; what it posted is put into a channel of simcord and
photographed in Chromium through simcord's preview. Needs the extra `pictures` and a Chromium.
"""

import argparse
import asyncio
import datetime
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import simcord

from sandbox.ending import end_process
from sandbox.libopus import load_opus
from sandbox.people import speech
from sandbox.stage import Place, Stage
from sandbox.valsea import pictures
from sandbox.valsea.server import AVATAR, IMAGES, VOICEBOT_ID

Json = dict[str, Any]
QUESTION = "Where can I find the dinosaur skeleton?"
#: Of the browser's window; the preview's own tools stand beside the channel.
WIDTH, HEIGHT = 1420, 1600
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MESSAGES = "#channel-message-list"


@dataclass(slots=True)
class Scene:
    """What was posted, by the picture's name, and who and what the numbers in it are."""

    shots: dict[str, list[Json]] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    channels: dict[int, str] = field(default_factory=dict)
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))


async def play() -> Scene:
    """One call: the set-up before it, the panel in it, the receipt after it."""
    async with Stage() as stage:
        account = stage.account()
        place = stage.place(account, "Ann", "Bob")
        ann, bob = place.people
        stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
        bot = stage.bot(account, stage.valsea.create_key("The museum's friends"))
        await bot.start(stage.config(voicebots={"guide": VOICEBOT_ID, "storyteller": VOICEBOT_ID}, voicebot="guide"))
        scene = Scene(
            people={person.user_id: stage.discord.world.name_of(person.user_id) for person in place.people},
            channels={place.text_id: "museum-talk", place.voice_id: "Lounge"},
        )
        asked = stage.discord.slash(account, place.guild_id, place.text_id, ann.user_id, "voicebot setup")
        scene.shots["setup"] = await stage.discord.answer(asked)
        for person in (ann, bob):
            await person.join(place.guild_id, place.voice_id)
        await stage.command(account, place, ann, "voicebot join")
        await _talk(stage, place)
        await stage.command(account, place, bob, "voicebot mute")
        await asyncio.sleep(12)  # two edits of the panel
        scene.shots["panel"] = stage.discord.world.messages(place.text_id)
        await stage.command(account, place, ann, "voicebot leave")
        while "ended" not in str(stage.discord.world.messages(place.text_id)[-1]["embeds"]):
            await asyncio.sleep(0.1)
        scene.shots["receipt"] = stage.discord.world.messages(place.text_id)[-1:]
        scene.at = datetime.datetime.now(datetime.UTC)
        await bot.stop()
        return scene


async def _talk(stage: Stage, place: Place) -> None:
    (session,) = stage.valsea.sessions.values()
    async with asyncio.timeout(60):
        await session.arrived.wait()
        await place.people[1].say(await asyncio.to_thread(speech.speak, "Hello everybody!"))
        await asyncio.sleep(5)
        before = len(session.said("assistant"))
        await place.people[0].say(await asyncio.to_thread(speech.speak, QUESTION))
        while len(session.said("assistant")) == before:
            await asyncio.sleep(0.1)
    await asyncio.sleep(2)


async def draw(scene: Scene, folder: Path, browser: str) -> list[Path]:
    """One PNG for each shot."""
    from playwright.async_api import async_playwright

    drawn = []
    async with async_playwright() as playwright, await playwright.chromium.launch(executable_path=browser) as chromium:
        for name, messages in scene.shots.items():
            async with simcord.run(discord.Client(intents=discord.Intents.none())) as env:
                channel, viewer = await _rebuild(env, scene, messages)
                async with env.preview(
                    channel, viewers=[viewer], layout="channel", presentation_time=scene.at, assets=_assets()
                ) as preview:
                    page = await chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                    await page.goto(preview.url)
                    await page.wait_for_timeout(1500)
                    file = folder / f"{name}.png"
                    await page.locator(MESSAGES).screenshot(path=file)
                    await page.close()
                    drawn.append(file)
    return drawn


async def _rebuild(env: Any, scene: Scene, messages: list[Json]) -> tuple[Any, Any]:
    """The same messages in a server of simcord's; the channel, and Ann."""
    await env.bot.user.edit(username="Parley")
    await env.advance_time((scene.at - env.now()).total_seconds())
    guild = env.create_guild("The Museum")
    numbers: dict[int, int] = {}
    members = []
    for number, name in scene.people.items():
        members.append(guild.add_member(env.create_user(name.lower(), global_name=name)))
        numbers[number] = members[-1].id
    channels = {}
    for number, name in scene.channels.items():
        make = guild.create_voice_channel if name == "Lounge" else guild.create_text_channel
        channels[number] = make(name)
        numbers[number] = channels[number].id
    channel = next(iter(channels.values()))
    for message in messages:
        body = {key: message[key] for key in ("content", "embeds", "components") if message.get(key)}
        route = discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=channel.id)
        await env.bot.http.request(route, json=_renumbered(_named(body, scene), numbers))
    return channel, members[0]


def _named(body: Json, scene: Scene) -> Json:
    """Mentions in embeds as their names: Discord's clients show them so, the preview knows only those in a text."""
    embeds = json.dumps(body.get("embeds", []))
    for number, name in scene.people.items():
        embeds = embeds.replace(f"<@{number}>", f"@{name}")
    return {**body, "embeds": json.loads(embeds)}


def _assets() -> dict[str, tuple[str, bytes]]:
    """Pictures by their addresses, as Discord's media proxy would fetch them."""
    assets = {IMAGES.format(key=key): (f"{key}.png", pictures.png(key)) for key in pictures.KEYS}
    return {**assets, AVATAR: ("avatar.png", pictures.png("floor_plan"))}


def _renumbered(body: Json, numbers: Mapping[int, int]) -> Json:
    text = json.dumps(body)
    for old, new in numbers.items():
        text = text.replace(str(old), str(new))
    return dict(json.loads(text))


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--browser", help="Chromium's program; found by itself when it is on the path")
    options = parser.parse_args()
    browser = options.browser or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("Chromium is needed: apt install chromium, or --browser PATH.", file=sys.stderr)
        return 1
    load_opus()
    options.folder.mkdir(parents=True, exist_ok=True)
    for file in asyncio.run(draw(asyncio.run(play()), options.folder, browser)):
        print(file)
    return 0


if __name__ == "__main__":
    end_process(main())

"""A plugin's server with everything real but the network: `bot.testing` offers the same in memory.

Discord, LiveKit and the provider are the sandbox's, the bot is a process of its own, people speak aloud and are
recognised. Slow (seconds per sentence), and as close to the real thing as this machine gets.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.discord.command_data import PEOPLE
from sandbox.libopus import load_opus
from sandbox.people import speech
from sandbox.people.person import Person
from sandbox.stage import Stage
from sandbox.valsea.session import Session

PATIENCE = 30.0  # seconds
#: What speaks for the built-in plugins in the channel is switched off, so that only the tested one is heard.
QUIET = {"transcript": {"enabled": False}, "images": {"enabled": False}, "voicebot": {"panel": False}}


class SandboxServer:
    """Open it with `open`; the verbs are those of `bot.testing.PlayedServer`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._account = stage.account()
        self._key = stage.valsea.create_key("plugin test")
        self._bot = stage.bot(self._account, self._key)
        self._place = stage.place(self._account)
        self._people: dict[str, Person] = {}
        self._session: Session | None = None
        self._starter: Person | None = None
        self.refused: str | None = None

    @classmethod
    async def open(
        cls, folder: Path, settings: Mapping[str, Any] | None = None, language: str = "en-US"
    ) -> "SandboxServer":
        """A bot with the plugin in a folder, and nobody on its server."""
        load_opus()
        stage = await Stage().__aenter__()
        try:
            server = cls(stage)
            config = stage.config(
                plugins={**QUIET, _name(folder): dict(settings or {})},
                plugin_folders=[_alone(folder, stage.folder)],
                empty_channel_grace=5,
                language=language.partition("-")[0],
            )
            await server._bot.start(config)
        except BaseException:
            await stage.__aexit__()
            raise
        return server

    async def close(self) -> None:
        """Stop everything."""
        await self._stage.__aexit__()

    @property
    def failures(self) -> list[str]:
        """What the bot's log says is wrong with a plugin, its commands and listeners."""
        return re.findall(r"ERROR .*?((?:plugin |command failed|Ignoring exception).*)", self._bot.log.read_text())

    @property
    def messages(self) -> list[str]:
        """All that stands in the text channel: contents, and what embeds say."""
        return [_words(message) for message in self._stage.discord.world.messages(self._place.text_id)]

    async def person(self, name: str) -> Person:
        """Somebody in the voice channel."""
        person = self._member(name)
        if person.voice is None:
            await person.join(self._place.guild_id, self._place.voice_id)
        return person

    def _member(self, name: str) -> Person:
        """Somebody on the server; who is named for the first time joins it."""
        if name not in self._people:
            self._people[name] = self._stage.newcomer(self._place, name)
        return self._people[name]

    async def start(self, starter: str = "Ann") -> bool:
        """`/voicebot join`; whether the call is live. `refused` says why it is not."""
        self._starter = person = await self.person(starter)
        before = set(self._stage.valsea.sessions)
        told = await self._stage.command(self._account, self._place, person, "voicebot join")
        opened = [session for room, session in self._stage.valsea.sessions.items() if room not in before]
        self.refused = None if opened else told
        if not opened:
            return False
        self._session = opened[0]
        async with asyncio.timeout(PATIENCE):
            await self._session.arrived.wait()
        return True

    async def say(self, who: str, text: str) -> None:
        """A person says something aloud, and is recognised."""
        session, person = self._live, await self.person(who)
        before = len(session.said("user"))
        await person.say(await asyncio.to_thread(speech.speak, text))
        async with asyncio.timeout(PATIENCE):
            while len(session.said("user")) == before:
                await asyncio.sleep(0.05)

    async def answer(self, text: str) -> None:
        """The voicebot says something."""
        session, before = self._live, len(self._live.said("assistant"))
        assert self._stage.worker is not None
        self._stage.worker.say(session.id, text)
        async with asyncio.timeout(PATIENCE):
            while len(session.said("assistant")) == before:
                await asyncio.sleep(0.05)

    async def show(self, key: str | None = None, url: str | None = None) -> None:
        """The voicebot shows a picture of its library."""
        self._live.on_voicebot({"event": "showed", "key": key or url})

    async def command(self, name: str, by: str = "Ann", /, **options: Any) -> str:
        """Somebody types a slash command into the text channel; what they alone are answered. People in options may be
        given by their name."""
        person = self._member(by)
        kinds = self._stage.discord.option_kinds(self._account, self._place.guild_id, name)
        for option, value in options.items():
            if kinds.get(option) in PEOPLE and isinstance(value, str):
                options[option] = self._member(value).user_id
        return await self._stage.command(self._account, self._place, person, name, **options)

    async def join_voice(self, who: str) -> None:
        """A person comes into the voice channel."""
        await self.person(who)

    async def leave_voice(self, who: str) -> None:
        """A person leaves it."""
        await self._member(who).leave()

    async def kick(self) -> None:
        """A moderator disconnects the bot."""
        self._stage.discord.leave_voice(self._place.guild_id, self._account.user_id)
        await self._ended()

    async def end(self) -> None:
        """`/voicebot leave`."""
        assert self._starter is not None, "there is no call; `await server.start()` begins one"
        await self._stage.command(self._account, self._place, self._starter, "voicebot leave")
        await self._ended()

    async def expect(self, text: str, within: float = PATIENCE) -> None:
        """Wait until the channel says so; AssertionError with all it says when it does not."""
        deadline = time.monotonic() + within
        while not any(text in message for message in self.messages):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"nobody wrote {text!r}; the channel says {self.messages}, failed: {self.failures}"
                )
            await asyncio.sleep(0.05)

    async def _ended(self) -> None:
        session, self._session = self._live, None
        async with asyncio.timeout(PATIENCE):
            await session.ended.wait()

    @property
    def _live(self) -> Session:
        assert self._session is not None, "there is no call; `await server.start()` begins one"
        return self._session


def _name(folder: Path) -> str:
    return str(yaml.safe_load((folder / "plugin.yaml").read_text())["name"])


def _alone(folder: Path, stage: Path) -> str:
    """A folder with this plugin and none beside it: what lies there is none of its test's business."""
    parent = stage / "plugins"
    parent.mkdir()
    (parent / folder.resolve().name).symlink_to(folder.resolve())
    return str(parent)


def _words(message: dict[str, Any]) -> str:
    parts = [message["content"]]
    for embed in message["embeds"]:
        parts += [(embed.get("author") or {}).get("name"), embed.get("title"), embed.get("description")]
        parts += [(embed.get("image") or {}).get("url")]
        parts += [f"{item['name']}: {item['value']}" for item in embed.get("fields", ())]
    return "\n".join(part for part in parts if part)

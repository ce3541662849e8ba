"""Everything at once: LiveKit, Valsea, Discord, and the bot as a process of its own, for the demo and the tests."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.discord.model import BotAccount
from sandbox.discord.server import HOSTS, Discord
from sandbox.livekit.server import LiveKitServer
from sandbox.people.line import Line
from sandbox.people.person import Person
from sandbox.valsea.server import VOICEBOT_ID, Valsea
from sandbox.valsea.voicebots import VoicebotWorker

Json = dict[str, Any]
READY_TIMEOUT = 30.0  # seconds
EPHEMERAL = 64  # https://discord.com/developers/docs/resources/message#message-object-message-flags


@dataclass(slots=True)
class Place:
    """A server with a text channel, a voice channel, and people in it."""

    guild_id: int
    text_id: int
    voice_id: int
    people: list[Person]


class BotProcess:
    """`parley run` with a config file, as an operator would start it."""

    def __init__(self, folder: Path, account: BotAccount, key: str, *, development: bool) -> None:
        self.account = account
        self.config_file = folder / f"config-{account.user_id}.yaml"
        self.ledger = folder / f"bot-{account.user_id}.sqlite3"
        self.log = folder / f"bot-{account.user_id}.log"
        self.key = key
        # What is never closed is told of; Python's development mode says where it came from, and makes asyncio slow.
        self._python = [sys.executable, *(["-X", "dev"] if development else ["-W", "default::ResourceWarning"])]
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, config: Mapping[str, Any]) -> None:
        """Write the config and run the bot until it is ready; RuntimeError with its log when it does not become so."""
        self.configure(config)
        await self.run()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the config file; the bot's ledger lies beside it unless the config says otherwise."""
        ledger = {"file": self.ledger.name, **config.get("ledger", {})}
        self.config_file.write_text(yaml.safe_dump({**config, "ledger": ledger}, sort_keys=False))

    async def run(self, *, ready: bool = True) -> None:
        """Run the bot with the config it has, until it is ready."""
        already = self.log.stat().st_size if self.log.exists() else 0
        environment = {**os.environ, "DISCORD_TOKEN": self.account.token, "VALSEA_API_KEY": self.key}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._python, "-m", "bot", "run", str(self.config_file), stderr=log, env=environment
            )
        if not ready:
            return
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while b"ready on" not in self.log.read_bytes()[already:]:
                    if self.process.returncode is not None:
                        raise RuntimeError(f"the bot ended with {self.process.returncode}:\n{self.log.read_text()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.kill()
            raise RuntimeError(f"the bot did not become ready:\n{self.log.read_text()}") from None

    async def stop(self, timeout: float = 15) -> int:
        """SIGTERM, as Docker does; the exit code. Kills it when it takes too long."""
        process = self.process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), timeout)
            except TimeoutError:
                await self.kill()
        assert process.returncode is not None
        return process.returncode

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it lives, and does nothing. `thaw` wakes it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def parley(self, *arguments: str) -> tuple[int, str]:
        """Run another `parley` command with this bot's config; its exit code and all it printed."""
        command, *rest = arguments
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", command, *rest, "--config", str(self.config_file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "VALSEA_API_KEY": self.key},
        )
        printed, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, printed.decode()


@dataclass(slots=True)
class Stage:
    """Start it with `async with`; all parts are attributes."""

    voicebots: bool = True  # whether a voicebot process runs
    ears: bool = True  # whether voicebots understand what is said; those that do not are cheap
    development: bool = False  # whether bots run in Python's development mode
    records: str | None = None  # the folder, beside their configs, of the bots' flight records
    livekit: LiveKitServer = field(default_factory=LiveKitServer)
    discord: Discord = field(default_factory=Discord)
    worker: VoicebotWorker | None = None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="parley-")))
    valsea: Valsea = field(init=False)
    bots: list[BotProcess] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    async def __aenter__(self) -> "Stage":
        try:
            await self.livekit.start(self.folder / "livekit.log")
            if self.voicebots:
                self.worker = VoicebotWorker()
                await self.worker.start(self.folder / "agent.log", ears=self.ears)
            self.valsea = Valsea(self.livekit, self.worker)
            self.valsea.ears = self.ears
            await self.valsea.start()
            await self.discord.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for person in self.people:
            if person.voice is not None:
                with contextlib.suppress(Exception):
                    await person.leave()
        for bot in self.bots:
            await bot.stop()
        if self.worker is not None:
            await self.worker.stop()
        if hasattr(self, "valsea"):
            await self.valsea.stop()
        await self.discord.stop()
        await self.livekit.stop()

    def config(self, **defaults: Any) -> Json:
        """A config file's content for a bot on this stage; `defaults` go under `defaults:`, the host's beside it."""
        host: Json = {key: defaults.pop(key) for key in ("ledger", "plugin_folders") if key in defaults}
        if self.records is not None:
            host["record"] = self.records
        plugins = {"valsea": {"base_url": self.valsea.url}, **defaults.pop("plugins", {})}
        ca_file = self.folder / "ca.pem"
        ca_file.write_bytes(self.discord.ca_pem)
        return {
            "network": {
                "ca_file": str(ca_file),
                "connect_to": dict.fromkeys(HOSTS, f"127.0.0.1:{self.discord.port}"),
            },
            **host,
            "defaults": {"voicebot": VOICEBOT_ID, "plugins": plugins, **defaults},
        }

    def account(self, name: str = "Parley") -> BotAccount:
        return self.discord.world.create_bot(name)

    def bot(self, account: BotAccount, key: str, *, development: bool | None = None, folder: str = "") -> BotProcess:
        """A bot process, not started yet; it is stopped with the stage. Its config lies in a `folder` of its own, or
        beside those of all others."""
        in_development = self.development if development is None else development
        own = self.folder / folder
        own.mkdir(exist_ok=True)
        bot = BotProcess(own, account, key, development=in_development)
        self.bots.append(bot)
        return bot

    def place(self, bot: BotAccount, *names: str, line: Line | None = None, server: str = "The Museum") -> Place:
        """A new server with `bot` and people of these names on it; `server` is what it is called."""
        world = self.discord.world
        people = [Person(self.discord, world.create_user(name), line=line) for name in names]
        self.people += people
        guild_id = world.create_guild(server, bot, members=tuple(p.user_id for p in people))
        text = world.create_text_channel(guild_id, "museum-talk")
        voice = world.create_voice_channel(guild_id, "Lounge")
        return Place(guild_id, text, voice, people)

    def newcomer(self, place: Place, name: str) -> Person:
        """Somebody more on a server; who is still in voice leaves with the stage."""
        person = Person(self.discord, self.discord.world.create_user(name))
        self.discord.world.add_member(place.guild_id, person.user_id)
        self.people.append(person)
        place.people.append(person)
        return person

    async def command(self, bot: BotAccount, place: Place, by: Person, command: str, **options: Any) -> str:
        """A person types a slash command into the text channel; what the bot answers to them alone."""
        return await self._told(self.discord.slash(bot, place.guild_id, place.text_id, by.user_id, command, **options))

    async def click(self, bot: BotAccount, place: Place, by: Person, message: Json, custom_id: str) -> str:
        """A person clicks on a button of a message in the text channel; what the bot answers to them alone."""
        interaction = self.discord.click(bot, place.guild_id, place.text_id, by.user_id, int(message["id"]), custom_id)
        await self.discord.answer(interaction, timeout=40)
        async with asyncio.timeout(20):  # the first answer may be an edit of the message, which everybody sees
            while not (private := [a for a in self.discord.world.response(interaction) if a["flags"] & EPHEMERAL]):
                await asyncio.sleep(0.02)
        return "\n".join(str(answer["content"]) for answer in private)

    async def _told(self, interaction: int) -> str:
        answers = await self.discord.answer(interaction, timeout=40)
        return "\n".join(str(answer["content"]) for answer in answers)

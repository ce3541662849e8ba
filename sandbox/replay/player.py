"""Plays a scenario on the stage: real people's clients, the bot as a process of its own."""

import asyncio
import shutil
import time
from collections.abc import Awaitable
from pathlib import Path

from sandbox.discord.voice.behaviour import VoiceBehaviour
from sandbox.people.hum import hum
from sandbox.people.person import Person
from sandbox.stage import BotProcess, Place, Stage
from sandbox.waiting import happens

from .scenario import ChangesSender, ChangesServer, Closes, Ends, Joins, Leaves, Scenario, Sends, Speaks, Step

RECORDS = "records"
#: Seconds for what must follow: a call that ends by itself, and the record of it.
END_TIMEOUT = 90.0
#: Seconds that one thing said may take.
MAX_SPEECH = 60.0


async def play(scenario: Scenario, copy: Path) -> Path:
    """Play it on a stage of its own; the bot's flight record, copied to a path. RuntimeError when there is none."""
    async with Stage(ears=False, records=RECORDS) as stage:
        played = await Player(stage, scenario).run(copy)
    shutil.rmtree(stage.folder)  # when all went well: else its logs tell why
    return played


class Player:
    """Plays one scenario on a stage that is there."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self._stage = stage
        self._scenario = scenario
        self._behaviour = VoiceBehaviour(**scenario.behaviour)
        self._people: dict[str, Person] = {}
        self._account = stage.account()
        self._key = stage.valsea.create_key("replay", 10_000)
        self._place: Place = stage.place(self._account, server="Replay")
        self._in_turn: dict[str, asyncio.Lock] = {}  # what somebody does, one after the other
        self._beside: set[asyncio.Future[None]] = set()
        self._failures: list[BaseException] = []  # of what went on beside the steps

    async def run(self, copy: Path) -> Path:
        """Play, and copy the record to a path."""
        stage, scenario = self._stage, self._scenario
        voice = stage.discord.voice
        voice.behaviours[self._place.voice_id] = self._behaviour
        if not scenario.encrypted:
            voice.room(self._place.guild_id, self._place.voice_id).group.version = 0
        bot = stage.bot(self._account, self._key, folder=f"replay-{self._account.user_id}")
        await bot.start(stage.config())
        for who in scenario.present:
            await self._join(who)
            await self._people[who].say(hum(0.1))  # whoever sat there has spoken before
        starter = self._place.people[0]
        voice.hello = dict(scenario.hello)  # to whoever comes from now on
        began = time.monotonic()
        joining = asyncio.create_task(stage.command(self._account, self._place, starter, "voicebot join"))
        try:
            for step in scenario.steps:
                await asyncio.sleep(max(0.0, began + step.at - time.monotonic()))
                await self._take(step, starter)
            await happens(lambda: self._is_over(bot), END_TIMEOUT)
        finally:
            voice.hello = {}
            joining.cancel()
            for task in self._beside:
                task.cancel()
            await asyncio.gather(joining, *self._beside, return_exceptions=True)
            for person in self._place.people:
                if person.voice is not None:
                    await person.leave()
            await bot.stop()
        if self._failures:
            raise self._failures[0]
        return _copied(bot, copy)

    def _is_over(self, bot: BotProcess) -> bool:
        """Whether a call has come to its end."""
        return bool(complete_records(bot))

    async def _join(self, who: str) -> None:
        stage = self._stage
        if who not in self._people:
            self._people[who] = stage.newcomer(self._place, f"Person {len(self._people) + 1}")
            self._in_turn[who] = asyncio.Lock()
            self._behaviour.spares |= {self._people[who].user_id}  # it is the bot's record
        person = self._people[who]
        async with self._in_turn[who]:
            if person.voice is None:
                await person.join(self._place.guild_id, self._place.voice_id)

    async def _leave(self, who: str) -> None:
        async with self._in_turn[who]:
            if self._people[who].voice is not None:
                await self._people[who].leave()

    async def _take(self, step: Step, starter: Person) -> None:
        discord, guild_id, bot_id = self._stage.discord, self._place.guild_id, self._account.user_id
        match step:
            case Joins():
                self._soon(self._join(step.who))
            case Leaves() if step.who in self._people:
                self._soon(self._leave(step.who))
            case Speaks():
                self._soon(self._speak(step))
            case Sends():
                connection = discord.voice.rooms[self._place.voice_id].of_user(bot_id)
                if connection is not None:
                    connection.send(step.op, step.data)
            case Closes():
                if step.forgets:
                    discord.voice.forget_sessions(guild_id, bot_id)
                else:
                    discord.voice.close_sockets(guild_id, bot_id, step.code)
            case ChangesServer():
                discord.change_voice_server(guild_id, bot_id)
            case ChangesSender():
                room = discord.voice.rooms[self._place.voice_id]
                room.route(room.group.change_sender())
            case Ends():
                await self._end(step, starter)

    async def _speak(self, step: Speaks) -> None:
        if step.who not in self._people:
            return
        async with self._in_turn[step.who]:
            if self._people[step.who].voice is not None:
                await self._people[step.who].say(hum(min(step.seconds, MAX_SPEECH)))

    async def _end(self, step: Ends, starter: Person) -> None:
        discord, guild_id, bot_id = self._stage.discord, self._place.guild_id, self._account.user_id
        if step.how == "kick":
            discord.leave_voice(guild_id, bot_id)
        elif step.how == "move":
            discord.move(guild_id, bot_id, discord.world.create_voice_channel(guild_id, "Elsewhere"))
        else:
            await self._stage.command(self._account, self._place, starter, "voicebot leave")

    def _soon(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: "asyncio.Future[None]") -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)


def complete_records(bot: BotProcess) -> list[Path]:
    """The flight records of a bot's calls that are over, oldest first."""
    files = (bot.config_file.parent / RECORDS).glob("*.jsonl")
    return sorted(file for file in files if '"end of record"' in file.read_text()[-400:])


def _copied(bot: BotProcess, copy: Path) -> Path:
    files = sorted((bot.config_file.parent / RECORDS).glob("*.jsonl"))
    if not files:
        raise RuntimeError(f"the bot has recorded no call:\n{bot.log.read_text()[-3000:]}")
    copy.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(files[0], copy))

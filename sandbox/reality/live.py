"""`parley live` on the stand-ins, as somebody with two tokens and a key runs it: under a row of the table, or plain."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord.voice.behaviour import VoiceBehaviour
from sandbox.livekit.observer import RoomObserver
from sandbox.stage import Place, Stage
from sandbox.valsea.behaviour import ValseaBehaviour
from sandbox.valsea.session import Session
from sandbox.waiting import happens

from . import LOUD, Row
from .rows import ROWS

#: What the check asks, and as whom it asks for a session.
QUESTION, PARTICIPANT = "What time does the museum open tomorrow morning?", "Parley live check"
ANSWER = "The museum opens at nine tomorrow morning."
#: Frames of 20 ms of the question that were heard before the silence behind it counts as its end.
MOST_OF_IT = 60
SECOND_TOKEN = "SECOND_TOKEN"

#: Rows of the table that a live check names, each with what it says of them.
NAMED: Sequence[tuple[str, str]] = (
    ("SPEAKING is never sent of anybody", "SSRCs were never announced"),
    ("4006 to the first IDENTIFY", "closed with 4006"),
    ("opcodes and fields that nobody knows", "opcodes 99"),
    ("retransmissions (RTX)", "payload types"),
    ("packets of types that nobody knows", "say nothing to Parley"),
    ("packets come from the voicebot itself", "from AGENT"),
    ("a line's words are its `content`", "'content': 'text"),
    ("the messages are at another path", 'messages_path: "/v1/voicebot-livekit/session/{room}/transcript"'),
    ("a token's end in seconds", "when the token ends: whole number"),
    ("200 and JSON to the DELETE", "answered 200"),
    ("the voicebot's name is its id", "voicebot_name:"),
    ("fields in the answer that nobody knows", "new fields: limits, region, status"),
)


@dataclass(slots=True)
class LiveOutcome:
    """How a live check ended: its exit code, what it printed, and what the provider says of it."""

    code: int
    printed: str
    errors: str
    billed: int  # minutes
    running: bool
    ends: int  # requests to end a session

    def names(self, said: str) -> str:
        """What it says of an assumption that did not hold, where that has these words; empty when nothing does."""
        return next((found for found in self.differing if said in found), "")

    @property
    def differing(self) -> list[str]:
        """The assumptions that did not hold, each in one line with what follows and which setting helps."""
        found: list[str] = []
        for line in self.printed.splitlines():
            if line.startswith("! "):
                found.append(line)
            elif line.startswith("    ") and found:  # what held has nothing below it
                found[-1] += f"; {line.strip()}"
        return found


@dataclass
class LiveStage:
    """Two bots on a server of their own with an empty voice channel, and a key; a config file names none of them."""

    stage: Stage
    name: str
    voice: VoiceBehaviour = field(default_factory=VoiceBehaviour)
    valsea: ValseaBehaviour = field(default_factory=ValseaBehaviour)

    def __post_init__(self) -> None:
        stage = self.stage
        self.account, self.second = stage.account(), stage.account("Second")
        world = stage.discord.world
        guild_id = world.create_guild(self.name, self.account, self.second)
        text, voice = world.create_text_channel(guild_id, "museum-talk"), world.create_voice_channel(guild_id, "Lounge")
        self.place = Place(guild_id, text, voice, [])
        self.key = stage.valsea.create_key(self.name, 1000)
        self.bot = stage.bot(self.account, self.key, folder=f"live-{self.account.user_id}")
        self.bot.configure(stage.config())
        self.voice.spares = frozenset({self.second.user_id})
        stage.discord.voice.behaviours[voice] = self.voice

    @property
    def sessions(self) -> list[Session]:
        organisation = self.stage.valsea.organisations[self.key]
        return [self.stage.valsea.sessions[room] for room in organisation.meters]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Run the command; nobody is asked before the minute is billed."""
        place = ("--server", str(self.place.guild_id), "--channel", str(self.place.voice_id))
        tokens = {"DISCORD_TOKEN": self.account.token, SECOND_TOKEN: self.second.token, "VALSEA_API_KEY": self.key}
        self.stage.valsea.behaviours[PARTICIPANT] = self.valsea
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "live", str(self.bot.config_file), "--yes"),
            *(arguments or (*place, "--second-token-env", SECOND_TOKEN)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **tokens},
        )

    async def outcome(self, process: asyncio.subprocess.Process) -> LiveOutcome:
        """Wait for its end."""
        printed, errors = await process.communicate()
        assert process.returncode is not None
        organisation = self.stage.valsea.organisations[self.key]
        minutes = sum(meter.minutes(time.monotonic()) for meter in organisation.meters.values())
        rooms = set(organisation.meters)
        ends = [path for method, path, _ in self.stage.valsea.requests if method == "DELETE"]
        ends = [path for path in ends if path.rpartition("/")[2] in rooms]
        return LiveOutcome(
            process.returncode, printed.decode(), errors.decode(), minutes, bool(organisation.running()), len(ends)
        )

    async def run(self, *arguments: str, understood: bool = False) -> LiveOutcome:
        """Run the command to its end. Unless the voicebot has ears (`understood`), somebody tells it what it hears."""
        process = await self.start(*arguments)
        if understood:
            return await self.outcome(process)
        async with self.recogniser():
            return await self.outcome(process)

    @contextlib.asynccontextmanager
    async def recogniser(self) -> AsyncIterator[None]:
        """In the place of the voicebot's recognition: when the question was heard to its end, its line comes and the
        voicebot answers."""
        task = asyncio.create_task(self._recognise(), name="recogniser")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _recognise(self) -> None:
        while not self.sessions:
            await asyncio.sleep(0.02)
        (session,) = self.sessions
        observer = RoomObserver()
        await observer.join(self.stage.livekit, session.room)
        try:
            while not (observer.loud_frames(LOUD) > MOST_OF_IT and observer.quiet_frames(LOUD) > 20):
                await asyncio.sleep(0.02)
            session.on_voicebot({"event": "said", "role": "user", "text": QUESTION, "final": True})
            assert self.stage.worker is not None
            self.stage.worker.say(session.id, ANSWER)
            await happens(lambda: session.ended.is_set(), 60)
        finally:
            await observer.leave()


async def under(stage: Stage, *names: str) -> LiveOutcome:
    """A live check under one row of the table, or several."""
    rows = [row_named(name) for name in names]
    voice: dict[str, Any] = {key: value for row in rows for key, value in row.voice.items()}
    valsea: dict[str, Any] = {key: value for row in rows for key, value in row.valsea.items()}
    scene = LiveStage(stage, f"Live {len(stage.bots)}", VoiceBehaviour(**voice), ValseaBehaviour(**valsea))
    return await scene.run()


def row_named(name: str) -> Row:
    """A row of the table."""
    return next(row for row in ROWS if row.name == name)

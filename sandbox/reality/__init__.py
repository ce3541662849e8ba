"""One short call under each behaviour that the real services are reported, documented or suspected to have.

`make reality` plays them all and prints what became of each: was the person heard, the voicebot's answer too, was it
written down, did the call end, and what was billed. A row that fails is a fault of the bot.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from sandbox.discord.voice.behaviour import VoiceBehaviour
from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import Pcm, levels
from sandbox.people.hum import hum
from sandbox.stage import BotProcess, Place, Stage
from sandbox.valsea.behaviour import ValseaBehaviour
from sandbox.valsea.session import Session
from sandbox.waiting import happens

Json = dict[str, Any]
LOUD = 700.0  # root mean square of a frame that is no silence
ASKED, ANSWER = "Where is the great hall?", "The great hall is behind the entrance."
PATIENCE = 20.0  # seconds for each thing that must happen


@dataclass(slots=True)
class Scene:
    """A call that is about to be played, for rows to change."""

    stage: Stage
    bot: BotProcess
    place: Place
    name: str  # of its server, by which the bot asks for a session
    voice: VoiceBehaviour
    valsea: ValseaBehaviour
    session: Session | None = None

    @property
    def bot_id(self) -> int:
        return self.bot.account.user_id


#: Fields that are about one thing: who is never introduced cannot be introduced late.
_THEMES = {
    "introduces_present": "introduction",
    "introduces_speakers": "introduction",
    "introduction_delay": "introduction",
    "announces": "introduction",
    "streams": "packets",
    "packet_form": "packets",
    "from_agent": "packets",
    "chatter": "packets",
}

Step = Callable[[Scene], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour: fields of the voice server's and the provider's that are otherwise, and what happens `before` the
    command, `joining` beside it, in a `live` call, `during` a word, and `after` all was said."""

    name: str
    source: str
    voice: Mapping[str, Any] = field(default_factory=dict)
    valsea: Mapping[str, Any] = field(default_factory=dict)
    before: Step | None = None
    joining: Step | None = None
    live: Step | None = None
    during: Step | None = None
    after: Step | None = None
    refused: bool = False  # no call begins, and nothing is billed
    alone: bool = False  # what it changes concerns everything else that goes on
    least_heard: float = 0.7  # of what is said

    @property
    def has_steps(self) -> bool:
        """Whether it is more than fields that are otherwise."""
        steps = (self.before, self.joining, self.live, self.during, self.after)
        return self.refused or self.alone or any(step is not None for step in steps)

    def excludes(self, other: "Row") -> bool:
        """Whether one call cannot show both: they are about the same, or one keeps the other from happening."""
        return bool(self._themes & other._themes)

    @property
    def _themes(self) -> set[str]:
        return {_THEMES.get(name, name) for name in (*self.voice, *self.valsea)}

    def and_also(self, other: "Row") -> "Row":
        """Both in one call."""
        return replace(
            self,
            name=f"{self.name} + {other.name}",
            source=f"{self.source}; {other.source}",
            voice={**self.voice, **other.voice},
            valsea={**self.valsea, **other.valsea},
        )


def bundles(rows: Sequence[Row], most: int = 8) -> list[Row]:
    """Fewer calls that show all rows: up to `most` of those that are fields alone, each of other fields, in one."""
    together: list[list[Row]] = []
    for row in rows:
        if row.has_steps or not (row.voice or row.valsea):
            continue
        for bundle in together:
            if len(bundle) < most and not any(row.excludes(other) for other in bundle):
                bundle.append(row)
                break
        else:
            together.append([row])
    alone = [row for row in rows if row.has_steps or not (row.voice or row.valsea)]
    return [*alone, *(reduce(Row.and_also, bundle) for bundle in together)]


@dataclass(slots=True)
class Outcome:
    """What became of a call."""

    heard: float = 0.0  # share of what the person said that reached the room
    answered: bool = False  # whether the person heard the voicebot
    written: bool = False  # whether both lines stand in the channel
    ended: bool = False  # at the provider's meter, with one receipt
    billed: int = 0  # minutes
    reply: str = ""  # what who typed the command was told
    trouble: str = ""
    opened: bool = False  # a session, which costs something

    def failures(self, row: Row) -> list[str]:
        """What is not as it must be."""
        if row.refused:
            wrong = (
                [] if self.reply and not (self.opened or self.billed) else ["it was not refused before it was billed"]
            )
        else:
            checks = {
                "not heard": self.heard >= row.least_heard,
                "not answered": self.answered,
                "not written down": self.written,
                "not ended": self.ended,
                f"billed {self.billed} minutes": self.billed == 1,
            }
            wrong = [name for name, good in checks.items() if not good]
        return [*wrong, *([self.trouble] if self.trouble else [])]


async def play(stage: Stage, bot: BotProcess, row: Row, number: int) -> Outcome:
    """One short call under a row's behaviour; never raises for what the bot does."""
    name = f"Reality {number}"
    place = stage.place(bot.account, "Ann", server=name)
    scene = Scene(stage, bot, place, name, VoiceBehaviour(**row.voice), ValseaBehaviour(**row.valsea))
    outcome = Outcome()
    stage.discord.voice.behaviours[place.voice_id] = scene.voice
    stage.valsea.behaviours[name] = scene.valsea
    try:
        await _play(scene, row, outcome)
    except Exception as error:
        outcome.trouble = outcome.trouble or f"{type(error).__name__}: {error}"
    finally:
        await _leave(scene)
    if scene.session is not None:
        meter = scene.session.organisation.meters[scene.session.room]
        outcome.billed = meter.minutes(time.monotonic())
    return outcome


async def _play(scene: Scene, row: Row, outcome: Outcome) -> None:
    stage, place = scene.stage, scene.place
    (ann,) = place.people
    scene.voice.spares = frozenset({ann.user_id})
    await ann.join(place.guild_id, place.voice_id)
    await ann.say(hum(0.1))  # whoever sat there has spoken before
    await _step(row.before, scene)
    before = set(stage.valsea.sessions)
    joining = asyncio.create_task(stage.command(scene.bot.account, place, ann, "voicebot join"))
    beside = asyncio.create_task(_step(row.joining, scene))
    outcome.reply = await joining
    await beside
    opened = [one for room, one in stage.valsea.sessions.items() if room not in before]
    opened = [one for one in opened if one.participant == scene.name]
    outcome.opened = bool(opened)
    if not opened:
        outcome.trouble = "" if row.refused else f"no session was opened: {outcome.reply}"
        return
    session = scene.session = opened[0]
    if row.refused:
        await stage.command(scene.bot.account, place, ann, "voicebot leave")
        return
    async with asyncio.timeout(PATIENCE):
        await session.arrived.wait()
    observer = RoomObserver()
    await observer.join(stage.livekit, session.room)
    try:
        await _talk(scene, row, outcome, observer, session)
    finally:
        await observer.leave()
    await _step(row.after, scene)
    outcome.written = await happens(lambda: ASKED in _words(scene) and ANSWER in _words(scene), PATIENCE)
    await stage.command(scene.bot.account, place, ann, "voicebot leave")
    organisation = session.organisation
    outcome.ended = await happens(
        lambda: session.room not in organisation.running() and len(_receipts(scene)) == 1, 3 * PATIENCE
    )


async def _talk(scene: Scene, row: Row, outcome: Outcome, observer: RoomObserver, session: Session) -> None:
    (ann,) = scene.place.people
    said = hum(1.5)
    # A room's listener hears nothing of a track that it has not subscribed to yet; from then on the first word counts.
    await happens(lambda: len(observer.of(agent=False)) > 10, PATIENCE)
    await _step(row.live, scene)
    observer.clear()
    during = asyncio.create_task(_step(row.during, scene))
    await ann.say(said)
    await during
    await happens(lambda: observer.loud_frames(LOUD) >= len(said) // 960, 1.5)  # what is on its way still counts
    outcome.heard = min(1.0, observer.loud_frames(LOUD) / (len(said) / 960))
    ann.ear.clear()
    session.on_voicebot({"event": "said", "role": "user", "text": ASKED, "final": True})
    worker = scene.stage.worker
    assert worker is not None
    worker.say(session.id, ANSWER)
    outcome.answered = await happens(lambda: _loud_frames(ann.ear.recording(scene.bot_id)) > 40, PATIENCE)
    await happens(lambda: session.said("assistant") == [ANSWER], 5.0)


async def _step(step: Step | None, scene: Scene) -> None:
    if step is not None:
        done = step(scene)
        if done is not None:
            await done


async def _leave(scene: Scene) -> None:
    """Nothing of it is left for the next row."""
    place = scene.place
    for person in place.people:
        if person.voice is not None:
            await person.leave()
    scene.stage.discord.rest.faults = [f for f in scene.stage.discord.rest.faults if str(place.text_id) not in f.path]
    scene.stage.discord.gateway.latency = scene.stage.discord.voice.latency = 0.0
    session = scene.session
    if session is not None and session.room in session.organisation.running():
        await happens(lambda: session.room not in session.organisation.running(), 40.0)


def _words(scene: Scene) -> str:
    """All that stands in the text channel."""
    messages = scene.stage.discord.world.messages(scene.place.text_id)
    described = [str(e.get("description") or "") for message in messages for e in message["embeds"]]
    return "\n".join([*(str(message["content"]) for message in messages), *described])


def _receipts(scene: Scene) -> list[str]:
    messages = scene.stage.discord.world.messages(scene.place.text_id)
    return [e["title"] for message in messages for e in message["embeds"] if "ended" in (e.get("title") or "")]


def _loud_frames(sound: Pcm) -> int:
    return sum(level > LOUD / 3 for _, level in levels(0.0, sound))

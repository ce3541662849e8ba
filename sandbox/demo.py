"""`make demo`: a whole call for real, on this machine, and what came of it.

Ann sits in a voice channel under DAVE. She brings the voicebot in with a slash command, asks two questions aloud, hears
the answers, and sends it away. The bot is `parley run` in a process of its own, on unmodified clients.
"""

import asyncio
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field

from sandbox import render
from sandbox.discord.model import BotAccount
from sandbox.ending import end_process
from sandbox.libopus import load_opus
from sandbox.livekit.build import BuildError
from sandbox.livekit.observer import RoomObserver
from sandbox.people import delay, speech
from sandbox.stage import Place, Stage
from sandbox.valsea import pictures
from sandbox.valsea.server import IMAGES
from sandbox.valsea.session import Session

QUESTIONS = ("When does the museum open tomorrow?", "Where can I find the dinosaur skeleton?")
ANSWER_TIMEOUT = 40.0  # seconds
STOPPED = 130  # the exit code


@dataclass(slots=True)
class Measured:
    """What the demo found out, seconds and words."""

    join: float = 0.0
    to_room: list[float] = field(default_factory=list)
    to_person: list[float] = field(default_factory=list)
    response: list[float] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)  # said, and as the voicebot understood it
    answered: list[tuple[str, str]] = field(default_factory=list)  # said, and as understood at Ann's ear
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Entry point; 0 when everything worked."""
    load_opus()
    try:
        return asyncio.run(_until_stopped())
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1


async def _until_stopped() -> int:
    """However it is ended, everything it started is stopped first; once is enough, for all that make passes on."""
    loop = asyncio.get_running_loop()
    playing = asyncio.create_task(_demo(), name="demo")

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        _say("Stopping everything ...")
        playing.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await playing
    except asyncio.CancelledError:
        return STOPPED


async def _demo() -> int:
    _say("Starting LiveKit, Valsea's stand-in with its voicebot, and Discord's stand-in ...")
    async with Stage() as stage:
        account = stage.account()
        key = stage.valsea.create_key("The museum's friends")
        place = stage.place(account, "Ann")
        _say("Starting the bot: parley run config.yaml")
        bot = stage.bot(account, key)
        await bot.start(stage.config())
        measured = await _call(stage, account, place)
        running = stage.valsea.organisations[key].running()
        if running:
            measured.problems.append(f"the provider still bills {len(running)} session")
        _show(stage, place, measured)
        code = await bot.stop()
        if code != 0:
            measured.problems.append(f"the bot ended with exit code {code}, see {bot.log}")
    for problem in measured.problems:
        _say(f"PROBLEM: {problem}")
    if not measured.problems:
        _say("The provider's meter stands still. Everything worked.")
    return 1 if measured.problems else 0


async def _call(stage: Stage, bot: BotAccount, place: Place) -> Measured:
    measured = Measured()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    _say("Ann is in the voice channel and types: /voicebot join")
    started = time.monotonic()
    reply = await stage.command(bot, place, ann, "voicebot join")
    measured.join = time.monotonic() - started
    session = next(iter(stage.valsea.sessions.values()), None)
    if session is None:
        measured.problems.append(f"no session was opened; the bot said: {reply}")
        return measured
    async with asyncio.timeout(30):
        await session.arrived.wait()
    observer = RoomObserver()
    await observer.join(stage.livekit, session.room)
    await asyncio.sleep(1)
    for question in QUESTIONS:
        await _ask(stage, place, session, observer, question, measured)
    await observer.leave()
    _say("Ann types: /voicebot leave")
    await stage.command(bot, place, ann, "voicebot leave")
    async with asyncio.timeout(20):
        await session.ended.wait()
        while "ended" not in str(stage.discord.world.messages(place.text_id)[-1]["embeds"]):
            await asyncio.sleep(0.1)
    return measured


async def _ask(
    stage: Stage, place: Place, session: Session, observer: RoomObserver, question: str, measured: Measured
) -> None:
    """One question and its answer, with the delay of each way."""
    (ann,) = place.people
    bot_user = next(iter(stage.discord.world.bots.values())).user_id
    before_user, before_answers = len(session.said("user")), len(session.said("assistant"))
    ann.ear.clear()
    spoken = await asyncio.to_thread(speech.speak, question)
    _say(f"Ann asks aloud: “{question}”")
    started, ended = await ann.say(spoken)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while len(session.said("assistant")) == before_answers:
                await asyncio.sleep(0.05)
    except TimeoutError:
        measured.problems.append(f"no answer to “{question}”")
        return
    await asyncio.sleep(1.0)
    heard = ann.ear.recording(bot_user)
    understood = await asyncio.to_thread(speech.recognise, heard)
    _say(f"Ann hears:      “{understood}”")
    measured.asked.append((question, " ".join(session.said("user")[before_user:])))
    measured.answered.append((" ".join(session.said("assistant")[before_answers:]), understood))
    first_sound = ann.ear.started_at or ended
    measured.response.append(first_sound - ended)
    try:
        at, samples = delay.timeline(observer.of(agent=False))
        measured.to_room.append(delay.delay(spoken, started, samples, at))
        at, samples = delay.timeline(observer.of(agent=True))
        first = round((first_sound - 2.0 - at) * delay.RATE)
        spoken_by_voicebot = samples[max(first, 0) :]
        said_at = at + max(first, 0) / delay.RATE
        measured.to_person.append(_lag(spoken_by_voicebot, said_at, heard, first_sound))
    except ValueError as error:
        measured.problems.append(f"the delay could not be measured: {error}")


def _lag(in_room: delay.Pcm, in_room_at: float, at_ear: delay.Pcm, at_ear_at: float) -> float:
    """From the observer in the room to the ear; what Ann heard is the needle, since it is the shorter."""
    return -delay.delay(at_ear, at_ear_at - 1.5, in_room, in_room_at, longest=3.0) + 1.5


def _show(stage: Stage, place: Place, measured: Measured) -> None:
    world = stage.discord.world
    addresses = {IMAGES.format(key=key): key for key in pictures.KEYS}

    def names(kind: str, identifier: int) -> str:
        return world.name_of(identifier) if kind == "user" else world.channel_name(identifier)

    def fetch(url: str) -> bytes | None:
        return pictures.png(addresses[url]) if url in addresses else None

    shown = world.messages(place.text_id)
    print()
    print(render.channel("museum-talk", shown, names=names, fetch=fetch, colour=sys.stdout.isatty()))
    print()
    if not any(embed.get("image") for message in shown for embed in message["embeds"]):
        measured.problems.append("no picture was shown")
    for said, understood in measured.asked:
        print(f"Ann said          {said}\n the voicebot got {understood}")
    for said, understood in measured.answered:
        print(f"The voicebot said {said}\n Ann got          {understood}")
    print(f"\nFrom /voicebot join to live:           {measured.join * 1000:5.0f} ms")
    _line("Ann's mouth to the room's ear:         ", measured.to_room)
    _line("The room's ear to Ann's ear:           ", measured.to_person)
    _line("End of a question to first sound back: ", measured.response)
    print("(The room's ear is a LiveKit client; about 40 ms of the first delay are the SDK's own.)\n")


def _line(label: str, values: list[float]) -> None:
    if values:
        print(f"{label}{statistics.median(values) * 1000:5.0f} ms")


def _say(text: str) -> None:
    print(f"» {text}", flush=True)


if __name__ == "__main__":
    end_process(main())

"""The live check on parts of our own making: in which order it does things, and that it always ends what it opened."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import discord
import pytest

from bot.billing.end_reason import EndReason
from bot.call.request import CallRequest
from bot.call.state import CallState
from bot.config.load import Config
from bot.config.load import check as checked
from bot.config.source import parse
from bot.errors import ProviderDown, Refused
from bot.live import check, speech
from bot.live.check import PARTICIPANT, LiveCheck, Where, closed_to_others, for_check
from bot.live.live_recorder import LiveRecorder
from bot.live.measured import AnswerCarried, QuestionCarried, QuestionUnderstood, VoicebotSeen
from bot.live.packet_times import PacketTimes
from bot.media.events import VoicebotSpeaking
from bot.media.report import SoundReport
from bot.provider import SessionEnd, Utterance, VoicebotSession
from bot.recorder.events import Probe
from bot.recorder.exchanges import observer
from bot.recorder.recorder import Recorder
from plugins.valsea.settings import ValseaSettings

GUILD, VOICE, TEXT, BOT = 11, 12, 13, 14
WHERE = Where(GUILD, VOICE)


def config(text: str = "") -> Config:
    """A server whose voicebot is "guide", by default."""
    source = parse(Path("config.yaml"), text or "{defaults: {voicebot: guide}}")
    return checked(source, {"valsea": ValseaSettings})


class Written(Recorder):
    """The flight record on disk: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def note(self, event: Any) -> None:
        self.told.append(event)

    def happened(self, event: Any) -> None:
        self.told.append(event)


class Scene:
    """A bot on one server, with a call that behaves as it is told. `story` has all that was done, in order."""

    def __init__(self, settings: Config | None = None) -> None:
        self.story: list[str] = []
        self.told: list[str] = []
        self.written = Written()
        self.recorder = LiveRecorder(self.written)
        self.config = settings or config()
        self.request: CallRequest | None = None
        self.began_with: Config | None = None
        self.refusal: Exception | None = None
        self.second_end: Exception | None = None
        self.probing = True
        self.observers: list[object] = []
        self.call = self._call()
        self.guild = Mock(spec=discord.Guild, id=GUILD)
        self.guild.name = "The Museum"
        self.channel = Mock(spec=discord.VoiceChannel, id=VOICE, guild=self.guild, voice_states={})
        self.channel.name = "Lounge"
        self.guild.channels = [self.channel]
        self.guild.get_channel = lambda identifier: self.channel if identifier == VOICE else None
        self.bot: Any = SimpleNamespace(
            user=SimpleNamespace(id=BOT),
            guilds=[self.guild],
            get_guild=lambda identifier: self.guild if identifier == GUILD else None,
            calls=SimpleNamespace(start=self._start),
        )

    def _call(self) -> Any:
        scene = self

        class Provider:
            title = "Valsea"

            async def probe(self, session: VoicebotSession, voicebot: str, begin: Any) -> None:
                scene.story.append(f"probe {voicebot}")
                scene.observers.append(observer.get())
                begin("messages")

            async def end_session(self, reference: str) -> SessionEnd:
                scene.story.append(f"end {reference} again")
                scene.observers.append(observer.get())
                if scene.second_end is not None:
                    raise scene.second_end
                return SessionEnd(already_gone=True)

        return SimpleNamespace(
            state=CallState.LIVE,
            voicebot_there=True,
            settings=self.config.server(GUILD).model_copy(update={"voicebot_arrival": 0.2}),
            session=VoicebotSession("room-1", "wss://livekit", "token"),
            provider=Provider(),
            closing=None,
            end=self._end,
            elapsed=0.0,
            sound_report=self._report,
        )

    async def _start(self, request: CallRequest, settings: Config) -> Any:
        self.story.append("start")
        if self.refusal is not None:
            raise self.refusal
        self.request, self.began_with = request, settings
        return self.call

    def _end(self, reason: EndReason) -> None:
        if self.call.state is CallState.LIVE:
            self.story.append(f"end by {reason.name}")
            self.call.state = CallState.ENDED
            self.call.closing = asyncio.create_task(self._closed())

    async def _report(self) -> SoundReport:
        return SoundReport(packets_undecryptable=2, packets_unowned=1)

    async def _closed(self) -> Any:
        return SimpleNamespace(billed_minutes=1)

    def voicebot_speaks(self) -> None:
        """It says something that is over at once."""
        for at, speaking in ((1.0, True), (2.0, False)):
            self.recorder.happened(VoicebotSpeaking(speaking, at))

    def check(self, second: Any = None) -> LiveCheck:
        records: Any = SimpleNamespace(recorder=self.recorder)
        return LiveCheck(self.bot, self.config, records, WHERE, second, self.told.append)


class Second:
    """The second bot; `answered` is called when it has asked."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.packets = PacketTimes()

    async def join(self, guild_id: int, channel_id: int, settings: Any) -> None:
        assert (guild_id, channel_id) == (GUILD, VOICE)
        self.scene.story.append("second joins")

    async def ask(self) -> float:
        self.scene.story.append("second asks")
        self.scene.recorder.happened(Utterance("user", speech.QUESTION, True))
        self.scene.voicebot_speaks()
        return 0.1

    async def frames_heard(self) -> int:
        return 42


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for more than a moment."""
    for name in ("GREETING_TIMEOUT", "ANSWER_TIMEOUT", "LISTENING_TIME", "PAUSE"):
        monkeypatch.setattr(check, name, 0.1)
    monkeypatch.setattr(check, "POLL", 0.005)


async def test_it_asks_probes_ends_and_ends_again() -> None:
    scene = Scene()
    await scene.check(Second(scene)).run()
    assert scene.story == [
        "second joins", "start", "second asks", "probe guide", "end by OPERATOR", "end room-1 again",
    ]  # fmt: skip
    assert scene.request is not None
    assert (scene.request.participant, scene.request.voicebot, scene.request.starter_id) == (PARTICIPANT, "guide", BOT)
    assert scene.request.text_channel_id == VOICE, "the voice channel's own chat"
    assert scene.observers == [scene.recorder.note] * 2
    assert [event for event in scene.written.told if isinstance(event, Probe)] == [Probe("messages"), Probe("ended")]
    measured = {type(event): event for event in scene.written.told}
    assert measured[QuestionUnderstood] == QuestionUnderstood(1, 8, 8, True)
    assert measured[AnswerCarried].frames == 42
    assert measured[AnswerCarried].lead_in_ms == 20
    assert measured[QuestionCarried].sealed == 3
    assert measured[VoicebotSeen] == VoicebotSeen(came=True, asked=True, answered=True)
    assert "the session is ended; billed: 1 minute" in scene.told


async def test_alone_it_listens_to_people() -> None:
    scene = Scene()
    await scene.check().run()
    assert scene.story == ["start", "probe guide", "end by OPERATOR", "end room-1 again"]
    assert not any(isinstance(event, QuestionUnderstood) for event in scene.written.told)


async def test_a_voicebot_that_never_comes_is_not_asked() -> None:
    scene = Scene()
    scene.call.voicebot_there = False
    await scene.check(Second(scene)).run()
    assert scene.story == ["second joins", "start", "probe guide", "end by OPERATOR", "end room-1 again"]
    assert "the voicebot did not come" in scene.told
    assert VoicebotSeen(came=False, asked=False, answered=False) in scene.written.told


async def test_a_call_that_ends_by_itself_is_not_probed() -> None:
    scene = Scene()
    second = Second(scene)

    async def kicked() -> float:
        scene._end(EndReason.DISCONNECTED)
        return 0.1

    second.ask = kicked  # type: ignore[method-assign]
    await scene.check(second).run()
    assert scene.story == ["second joins", "start", "end by DISCONNECTED", "end room-1 again"]


async def test_a_provider_that_cannot_be_probed() -> None:
    scene = Scene()
    ends = scene.call.provider.end_session
    scene.call.provider = SimpleNamespace(title="Other", end_session=ends)
    await scene.check().run()
    assert scene.story == ["start", "end by OPERATOR", "end room-1 again"]


async def test_a_second_end_may_fail() -> None:
    scene = Scene()
    scene.second_end = ProviderDown("HTTP 500")
    await scene.check().run()
    assert scene.story[-1] == "end room-1 again"


async def test_a_minute_is_all_that_is_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "BILLED_SECONDS", 0.2)
    monkeypatch.setattr(check, "LISTENING_TIME", 60.0)
    scene = Scene()
    await scene.check().run()
    assert scene.story == ["start", "end by OPERATOR", "end room-1 again"]
    assert any("nearly over" in line for line in scene.told)


async def test_what_the_start_took_of_the_minute_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LISTENING_TIME", 60.0)
    scene = Scene()
    scene.call.elapsed = check.BILLED_SECONDS - 0.2
    await scene.check().run()
    assert any("nearly over" in line for line in scene.told)


async def test_a_sound_loop_that_does_not_answer_is_not_called_a_minute() -> None:
    scene = Scene()

    async def stuck() -> SoundReport:
        raise TimeoutError

    scene.call.sound_report = stuck
    await scene.check(Second(scene)).run()
    assert scene.story[-2:] == ["end by OPERATOR", "end room-1 again"]
    assert any("does not answer" in line for line in scene.told)


def test_nobody_else_starts_a_call_meanwhile() -> None:
    closed = closed_to_others(config())
    assert closed.host.servers_allowed == ()
    assert closed.server(GUILD) == config().server(GUILD)


async def test_who_is_interrupted_asks_for_the_end() -> None:
    scene = Scene()
    second = Second(scene)
    asked = asyncio.Event()

    async def waits() -> float:
        asked.set()
        return 60.0

    second.ask = waits  # type: ignore[method-assign]
    running = asyncio.create_task(scene.check(second).run())
    await asked.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert scene.story == ["second joins", "start", "end by OPERATOR"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Where(99, VOICE), "The bot is not on server 99. It is on 11 (The Museum)."),
        (Where(GUILD, 99), "99 is no voice channel that the bot sees. There are 12 (Lounge)."),
    ],
)
async def test_a_place_that_is_not_there(where: Where, said: str) -> None:
    scene = Scene()
    live = scene.check()
    live._where = where
    with pytest.raises(Refused, match=said.replace("(", r"\(").replace(")", r"\)")):
        await live.run()
    assert scene.story == []


async def test_without_a_voicebot_nothing_is_opened() -> None:
    scene = Scene(config("{defaults: {language: en}}"))
    with pytest.raises(Refused, match="No voicebot is set"):
        await scene.check(Second(scene)).run()
    assert scene.story == []


async def test_a_call_that_is_refused_ends_the_check() -> None:
    scene = Scene()
    scene.refusal = Refused("the channel is full")
    with pytest.raises(Refused, match="full"):
        await scene.check().run()


def test_the_checks_settings_are_its_own_servers_alone() -> None:
    before = config(
        "{defaults: {voicebot: guide, consent: asked, plugins: {valsea: {timeout: 7}}}, "
        "servers: {'5': {plugins: {valsea: {timeout: 9}}}}}"
    )
    for guild_id, timeout in ((GUILD, 7), (5, 9)):
        after = for_check(before, guild_id)
        mine = after.server(guild_id)
        assert (mine.hear_bots, mine.hand_over, mine.voicebot) == (True, False, "guide")
        assert mine.consent == "asked", "people are asked as in any call"
        assert after.plugin(guild_id, "valsea", ValseaSettings).timeout == timeout
        assert after.server(77).hear_bots is False
        assert after.plugin(77, "valsea", ValseaSettings).timeout == 7
    assert replace(before) == before

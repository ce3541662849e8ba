"""One voicebot in one room: hears the person it is linked to, answers, and reports what happened."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession, StopResponse, llm
from livekit.agents.voice import room_io

from . import models
from .dialogue import GREETING, Reply, answer
from .speech_to_text import WhisperSTT
from .text_to_speech import PiperTTS, sample_rate

log = logging.getLogger(__name__)

#: Seconds of silence after which a turn is over.
END_OF_TURN = 0.3
JOIN_TIMEOUT = 15.0
LEAVE_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """Words in the room. Interims carry the full text so far."""

    role: str  # "user" or "assistant"
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class Showed:
    """The voicebot shows a picture."""

    key: str


@dataclass(frozen=True, slots=True)
class State:
    """initializing, listening, thinking, speaking, or closed."""

    state: str


Event = Said | Showed | State


class Voicebot:
    """Join once, leave once. `report` is called in the event loop that `join` ran in."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report
        self._room = rtc.Room()
        self._session: AgentSession[None] | None = None
        self._done = asyncio.Event()

    async def join(
        self, url: str, token: str, *, greet: bool = False, transcription: bool = True, ears: bool = True
    ) -> None:
        """Connect and start to listen; `transcription` also publishes `lk.transcription` text streams. One without
        `ears` says only what it is told to, and costs next to nothing while it is silent."""
        connecting = asyncio.create_task(self._room.connect(url, token), name="connect")
        try:
            async with asyncio.timeout(JOIN_TIMEOUT):
                await asyncio.shield(connecting)
        finally:
            if not connecting.done():  # the SDK takes the process down when it is cancelled in this
                undoing = asyncio.create_task(_undo(self._room, connecting), name="undo connect")
                _UNDOING.add(undoing)
                undoing.add_done_callback(_UNDOING.discard)
        self._room.on("disconnected", self._on_disconnected)
        session: AgentSession[None] = AgentSession(
            stt=WhisperSTT() if ears else NOT_GIVEN,
            tts=PiperTTS(),
            vad=models.vad() if ears else NOT_GIVEN,
            turn_handling={
                "turn_detection": "stt" if ears else "manual",
                "endpointing": {"min_delay": END_OF_TURN, "max_delay": 2.0},
                "interruption": {"mode": "vad", "min_duration": 0.4},
            },
            aec_warmup_duration=None,
            user_away_timeout=None,
            session_close_transcript_timeout=0.5,
        )
        session.on("user_input_transcribed", self._on_heard)
        session.on("conversation_item_added", self._on_item)
        session.on("agent_state_changed", lambda event: self._report(State(event.new_state)))
        self._session = session
        options = room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(sample_rate=24_000, pre_connect_audio=False) if ears else False,
            audio_output=room_io.AudioOutputOptions(sample_rate=sample_rate()),
            text_output=transcription,
            text_input=False,
            close_on_disconnect=False,
        )
        await session.start(_Guide(self._reply), room=self._room, room_options=options)
        if greet:
            self.say(GREETING)

    def say(self, reply: Reply) -> None:
        """Speak, and show the picture first: people look while they listen."""
        assert self._session is not None
        if reply.image is not None:
            self._report(Showed(reply.image))
        self._report(Said("assistant", reply.text, final=False))
        self._session.say(reply.text)

    async def send(self, payload: bytes) -> None:
        """A data packet of the voicebot's own."""
        await self._room.local_participant.publish_data(payload, reliable=True)

    async def leave(self) -> None:
        """Stop and disconnect; safe to call twice."""
        self._done.set()
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(TimeoutError):  # a session whose room is gone may wait for it for ever
                async with asyncio.timeout(LEAVE_TIMEOUT):
                    await session.aclose()
        await self._room.disconnect()

    def stop(self) -> None:
        """Ask it to leave: `wait` returns, and whoever waits calls `leave`."""
        self._done.set()

    async def wait(self) -> None:
        """Until the voicebot is out of the room, by `leave` or because the room is gone."""
        await self._done.wait()

    def _reply(self, question: str) -> None:
        self.say(answer(question))

    def _on_heard(self, event: Any) -> None:
        self._report(Said("user", event.transcript, event.is_final))

    def _on_item(self, event: Any) -> None:
        item = event.item
        if isinstance(item, llm.ChatMessage) and item.role == "assistant" and item.text_content:
            self._report(Said("assistant", item.text_content, final=True))

    def _on_disconnected(self, reason: Any) -> None:
        self._report(State("closed"))
        self._done.set()


#: Connects that nobody waits for any more.
_UNDOING: set["asyncio.Task[None]"] = set()


async def _undo(room: rtc.Room, connecting: "asyncio.Task[None]") -> None:
    await asyncio.wait({connecting})
    if not connecting.cancelled() and connecting.exception() is None:
        await room.disconnect()


class _Guide(Agent):
    """Answers every finished turn by the script, without a language model."""

    def __init__(self, reply: Callable[[str], None]) -> None:
        super().__init__(instructions="You are a museum guide.")
        self._reply = reply

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        question = new_message.text_content
        if question:
            self._reply(question)
        raise StopResponse

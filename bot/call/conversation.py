"""What is said and shown in one call, on its way to those who want to know: lines with their speakers, pictures."""

import time
from typing import TYPE_CHECKING

from bot.media.events import SpeakingChanged
from bot.provider import ShownImage, Utterance
from bot.room.events import AgentState

from .catch_up import CatchUp
from .events import CallObserver, ImageShown, LineSaid, PersonSpeaking, TranscriptLine, VoicebotState
from .speech import SpeechLedger

if TYPE_CHECKING:
    from .call import Call

Said = Utterance | ShownImage | SpeakingChanged | AgentState


class Conversation:
    """What is said and shown in one call."""

    def __init__(self, call: "Call", observer: CallObserver) -> None:
        self._call = call
        self._observer = observer
        self._speech = SpeechLedger()
        self._catch_up = CatchUp()

    def on_event(self, event: Said) -> None:
        """Publish something that was said or shown; events come in the order in which they happened."""
        match event:
            case SpeakingChanged():
                (self._speech.started if event.speaking else self._speech.stopped)(event.user_id, event.at)
                self._observer.publish(self._call, PersonSpeaking(event.user_id, event.speaking))
            case Utterance():
                self._on_utterance(event)
            case ShownImage():
                self._observer.publish(self._call, ImageShown(event))
            case AgentState():
                self._observer.publish(self._call, VoicebotState(event.state))

    def begin_catch_up(self, reference: str) -> None:
        """Begin to read what the provider has kept of the session, for lines that were missed live."""
        self._catch_up.begin(self._call.provider, reference)

    async def publish_missed_lines(self) -> None:
        """Publish the lines that were missed live."""
        for line in await self._catch_up.missed():
            self._observer.publish(self._call, LineSaid(line))

    def _on_utterance(self, utterance: Utterance) -> None:
        speakers: tuple[int, ...] = ()
        if utterance.final and utterance.role == "user":
            speakers = self._speech.claim(time.monotonic())
        line = TranscriptLine(utterance.role, utterance.text, utterance.final, speakers)
        self._catch_up.note(line)
        self._observer.publish(self._call, LineSaid(line))

"""What is said and shown in one call, on its way to those who want to know: lines with their speakers, pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.media.events import SpeakingChanged, VoicebotSpeaking
from bot.provider import ShownImage, Utterance
from bot.room.events import AgentState

from .catch_up import CatchUp
from .events import CallEvent, CallObserver, ImageShown, LineSaid, PersonSpeaking, TranscriptLine, VoicebotState
from .speaker_attribution import SpeakerAttribution
from .turns import Turn, Turns

if TYPE_CHECKING:
    from .call import Call

Said = Utterance | ShownImage | SpeakingChanged | AgentState


class Conversation:
    """Publishes what is said and shown in one call."""

    def __init__(self, call: "Call", observer: CallObserver) -> None:
        self._call = call
        self._observer = observer
        self._speech = SpeakerAttribution()
        self._catch_up = CatchUp()
        self._turns = Turns()

    @property
    def turns(self) -> Sequence[Turn]:
        """The last answers of the voicebot, and how long each took, oldest first."""
        return self._turns.recent

    def on_voicebot(self, event: VoicebotSpeaking) -> Turn | None:
        """Take in that the voicebot has started or stopped speaking; return the turn when it answers."""
        return self._turns.on_voicebot(event.speaking, event.arrived, event.played)

    def publish(self, event: Said, now: float) -> None:
        """Publish something that was said or shown, at `now` in seconds of `time.monotonic()`. Events come in the order
        in which they happened."""
        match event:
            case SpeakingChanged():
                (self._speech.started if event.speaking else self._speech.stopped)(event.user_id, event.at)
                consent = self._call.consent
                if consent.hear_bots or event.user_id not in consent.bots:
                    self._turns.on_speaking(event.user_id, event.speaking, event.at, event.delay)
                published: CallEvent = PersonSpeaking(event.user_id, event.speaking)
            case Utterance():
                if event.final and event.role == "user":
                    self._turns.on_line(now)
                published = LineSaid(self._line_of(event, now))
            case ShownImage():
                published = ImageShown(event)
            case AgentState():
                published = VoicebotState(event.state)
        self._observer.publish(self._call, published)

    def begin_catch_up(self, reference: str) -> None:
        """Begin to read what the provider has kept of the session, for lines that were missed live."""
        self._catch_up.begin(self._call.provider, reference)

    async def publish_missed_lines(self) -> None:
        """Publish the lines that were missed live."""
        for line in await self._catch_up.missed():
            self._observer.publish(self._call, LineSaid(line))

    def _line_of(self, utterance: Utterance, now: float) -> TranscriptLine:
        """Return an utterance with those who may have said it."""
        speakers = self._speech.claim(now) if utterance.final and utterance.role == "user" else ()
        line = TranscriptLine(utterance.role, utterance.text, utterance.final, speakers)
        self._catch_up.note(line)
        return line

"""What is said and shown reaches those who want to know, with who said it, and what was missed comes at the end."""

import asyncio
from typing import Any, cast

import pytest

from bot.call.conversation import Conversation
from bot.call.events import CallEvent, ImageShown, LineSaid, PersonSpeaking, VoicebotState
from bot.errors import ProviderDown
from bot.media.consent import Consent
from bot.media.events import SpeakingChanged, VoicebotSpeaking
from bot.provider import ShownImage, StoredMessage, Utterance
from bot.room.events import AgentState

ANN, BOB = 1, 2
NOW = 105.0  # seconds


class Talk:
    """A conversation, and what was told of it."""

    def __init__(self, *stored: StoredMessage, failure: Exception | None = None) -> None:
        self.events: list[CallEvent] = []
        self.stored, self.failure = list(stored), failure
        self.provider = self
        self.consent = Consent()
        self.conversation = Conversation(cast(Any, self), cast(Any, self))

    def publish(self, call: Any, event: CallEvent) -> None:
        assert call is self
        self.events.append(event)

    async def messages(self, reference: str) -> list[StoredMessage]:
        if self.failure is not None:
            raise self.failure
        return self.stored

    @property
    def lines(self) -> list[tuple[str, tuple[int, ...], bool]]:
        """Text, speakers, and whether it was late."""
        return [(e.line.text, e.line.speakers, e.line.late) for e in self.events if isinstance(e, LineSaid)]

    def speaks(self, user_id: int, start: float, end: float) -> None:
        self.conversation.publish(SpeakingChanged(user_id, True, start), start)
        self.conversation.publish(SpeakingChanged(user_id, False, end), end)


def test_a_line_carries_who_spoke() -> None:
    talk = Talk()
    talk.speaks(ANN, 100.0, 103.0)
    talk.conversation.publish(Utterance("user", "Hello?", True), NOW)
    assert talk.lines == [("Hello?", (ANN,), False)]
    assert [event for event in talk.events if isinstance(event, PersonSpeaking)] == [
        PersonSpeaking(ANN, True),
        PersonSpeaking(ANN, False),
    ]


def test_an_interim_and_the_voicebots_own_line_claim_nobody() -> None:
    talk = Talk()
    talk.speaks(ANN, 100.0, 103.0)
    talk.conversation.publish(Utterance("user", "Hel", False), NOW)
    talk.conversation.publish(Utterance("voicebot", "Hi!", True), NOW)
    talk.conversation.publish(Utterance("user", "Hello?", True), NOW)
    assert talk.lines == [("Hel", (), False), ("Hi!", (), False), ("Hello?", (ANN,), False)]


def test_pictures_and_what_the_voicebot_is_doing() -> None:
    talk = Talk()
    picture = ShownImage("dinosaur", None)
    talk.conversation.publish(picture, NOW)
    talk.conversation.publish(AgentState("thinking"), NOW)
    assert talk.events == [ImageShown(picture), VoicebotState("thinking")]


async def test_what_was_missed_comes_once_and_says_so() -> None:
    talk = Talk(StoredMessage("user", "Hello?"), StoredMessage("voicebot", "Hi! How can I help?"))
    talk.conversation.publish(Utterance("user", "Hello?", True), NOW)
    talk.conversation.begin_catch_up("room-1")
    await talk.conversation.publish_missed_lines()
    assert talk.lines == [("Hello?", (), False), ("Hi! How can I help?", (), True)]


@pytest.mark.parametrize("failure", [ProviderDown("503"), RuntimeError("a bug")])
async def test_a_transcript_that_cannot_be_read_costs_nothing_but_itself(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    talk = Talk(failure=failure)
    talk.conversation.begin_catch_up("room-1")
    async with asyncio.timeout(5):
        await talk.conversation.publish_missed_lines()
    assert talk.lines == []


async def test_a_call_that_never_became_live_has_missed_nothing() -> None:
    talk = Talk(StoredMessage("user", "Hello?"))
    await talk.conversation.publish_missed_lines()
    assert talk.lines == []


def test_answers_are_measured_from_what_people_said() -> None:
    talk = Talk()
    talk.conversation.publish(SpeakingChanged(ANN, True, 100.0), 100.0)
    talk.conversation.publish(SpeakingChanged(ANN, False, 103.0, 0.06), 103.0)
    talk.conversation.publish(Utterance("voicebot", "Well", False), 103.1)
    talk.conversation.publish(Utterance("user", "Hel", False), 103.1)
    talk.conversation.publish(Utterance("user", "Hello?", True), 103.2)
    turn = talk.conversation.on_voicebot(VoicebotSpeaking(True, 103.6, arrived=103.5, played=103.55))
    assert turn is not None
    assert (round(turn.line or 0, 3), round(turn.voice, 3), turn.carried_in) == (0.5, 0.8, 0.06)
    assert talk.conversation.turns == (turn,)


def test_nobody_answers_a_music_bot() -> None:
    talk = Talk()
    talk.consent.set_bots(frozenset({BOB}))
    talk.speaks(BOB, 100.0, 103.0)
    assert talk.conversation.on_voicebot(VoicebotSpeaking(True, 104.0, 104.0, 104.0)) is None


def test_a_bot_that_the_voicebot_hears_is_answered() -> None:
    talk = Talk()
    talk.consent.set_bots(frozenset({BOB}))
    talk.consent.hear_bots = True
    talk.speaks(BOB, 100.0, 103.0)
    assert talk.conversation.on_voicebot(VoicebotSpeaking(True, 104.0, 104.0, 104.0)) is not None

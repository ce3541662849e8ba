"""Whose words a stream has, which version is the last, and what an agent that leaves had said."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from bot.provider import Utterance
from bot.room import text_streams
from bot.room.text_streams import MAX_CHARACTERS, MAX_STREAMS, TextStreams
from tests.support import eventually

OURS, THEIRS = "TR_ours", "TR_theirs"


class Stream:
    """An incoming text stream: chunks, then its end, or the end of whoever sent it."""

    def __init__(self, *chunks: str, broken: bool = False, endless: bool = False, **attributes: str) -> None:
        self.chunks = list(chunks)
        self.broken = broken
        self.endless = endless
        self.closed = False
        names = {"track": "lk.transcribed_track_id", "final": "lk.transcription_final", "segment": "lk.segment_id"}
        self.info = SimpleNamespace(attributes={names[name]: value for name, value in attributes.items()}, size=0)

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0)
        if self.chunks:
            return self.chunks.pop(0)
        if self.endless:
            return "x" * 1000
        if self.broken:
            raise ConnectionError("Disconnected while receiving")
        raise StopAsyncIteration

    def close(self) -> None:
        self.closed = True


class Heard:
    def __init__(self) -> None:
        self.said: list[tuple[str, Utterance]] = []
        self.streams = TextStreams(
            lambda utterance, sender: self.said.append((sender, utterance)),
            lambda track, identity: track == OURS if track else identity == "bot",
        )

    async def take(self, stream: Any, identity: str = "agent") -> None:
        before = len(self.said)
        self.streams.take(stream, identity)
        for _ in range(20):
            await asyncio.sleep(0)
            if len(self.said) > before:
                return

    @property
    def utterances(self) -> list[Utterance]:
        return [utterance for _, utterance in self.said]


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    heard = Heard()
    yield heard
    await heard.streams.stop()


async def test_the_track_says_whose_words_they_are_and_not_the_sender(heard: Heard) -> None:
    """An agent publishes both sides' transcriptions under its own identity."""
    await heard.take(Stream("hello", track=OURS, final="true"))
    await heard.take(Stream("welcome", track=THEIRS, final="true"))
    assert [(u.role, u.text) for u in heard.utterances] == [("user", "hello"), ("voicebot", "welcome")]


async def test_without_a_track_the_sender_says_it(heard: Heard) -> None:
    await heard.take(Stream("hello", final="true"), "bot")
    await heard.take(Stream("welcome"), "agent")
    assert [(u.role, u.final) for u in heard.utterances] == [("user", True), ("voicebot", True)]


async def test_a_persons_versions_are_interim_until_the_last(heard: Heard) -> None:
    for text, final in (("hel", "false"), ("hello", "false"), ("Hello.", "true")):
        await heard.take(Stream(text, track=OURS, final=final, segment="s1"))
    assert [(u.text, u.final) for u in heard.utterances] == [("hel", False), ("hello", False), ("Hello.", True)]


async def test_a_voicebots_versions_are_too(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_streams, "FINAL_AFTER", 0.05)
    for text, final in (("It op", "false"), ("It opens at nine", "false"), ("It opens at nine.", "true")):
        await heard.take(Stream(text, track=THEIRS, final=final, segment="s1"))
    await asyncio.sleep(0.1)
    assert [u.text for u in heard.utterances if u.final] == ["It opens at nine."]


async def test_a_voicebot_that_never_says_final_is_taken_at_its_last_word(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_streams, "FINAL_AFTER", 0.02)
    await heard.take(Stream("It opens ", "at nine.", final="false", segment="s1"))
    await eventually(lambda: len(heard.said) == 2, 2)
    assert heard.said[-1] == ("agent", Utterance("voicebot", "It opens at nine.", True, "s1"))


async def test_what_an_agent_said_before_it_left_is_kept(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    await heard.take(Stream("The museum ", "opens", broken=True, final="false", segment="s1"))
    assert heard.utterances == [Utterance("voicebot", "The museum opens", True, "s1")]
    assert not caplog.records


async def test_half_a_version_of_a_persons_words_is_none(heard: Heard) -> None:
    await heard.take(Stream("hel", broken=True, track=OURS, final="true"))
    assert heard.said == []


async def test_a_stream_without_an_end_is_cut_and_closed(heard: Heard) -> None:
    stream = Stream(endless=True)
    heard.streams.take(stream, "agent")  # type: ignore[arg-type]
    await eventually(lambda: bool(heard.said), 2)
    assert len(heard.utterances[0].text) == MAX_CHARACTERS
    assert stream.closed


async def test_streams_beyond_a_number_are_not_read(heard: Heard) -> None:
    waiting = [Stream(endless=True) for _ in range(MAX_STREAMS + 5)]
    for stream in waiting:
        heard.streams.take(stream, "agent")  # type: ignore[arg-type]
    assert [stream.closed for stream in waiting] == [False] * MAX_STREAMS + [True] * 5


async def test_nothing_is_said_after_the_end(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_streams, "FINAL_AFTER", 0.01)
    await heard.take(Stream("It opens", final="false", segment="s1"))
    await heard.streams.stop()
    await asyncio.sleep(0.03)
    assert [u.final for u in heard.utterances] == [False]

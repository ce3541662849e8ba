"""The room's side on the real livekit-server: joining, the voicebot coming and going, messages, the end."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from bot.errors import RoomError
from bot.provider import Utterance
from bot.room.connection import RoomConnection
from bot.room.events import AgentState, RoomClosed, RoomEnd, TrackGone, VoicebotArrived, VoicebotGone
from bot.room.microphone import MAX_WAITING
from plugins.valsea.packets import read_packet
from sandbox.stage import Stage
from tests.support import eventually

TONE = (np.sin(np.arange(960) * 2 * np.pi * 500 / 48_000) * 8000).astype(np.int16)


class Joined:
    """A bot's room, and a voicebot's made by hand."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name
        self.events: list[Any] = []
        self.tracks: dict[str, list[np.ndarray]] = {}
        self.outliving: set[asyncio.Task[None]] = set()
        self.room = RoomConnection(
            read_packet=read_packet,
            on_frame=self._hear,
            on_message=self.events.append,
            on_event=self.events.append,
            outlive=self._outlive,
        )
        self.voicebot = rtc.Room()

    @property
    def frames(self) -> list[np.ndarray]:
        """Those of the first track."""
        return next(iter(self.tracks.values()), [])

    def _outlive(self, work: Coroutine[Any, Any, None]) -> None:
        self.outliving.add(asyncio.create_task(work))

    def _hear(self, track: str, frame: np.ndarray) -> None:
        self.tracks.setdefault(track, []).append(frame)

    async def start(self) -> None:
        await self.room.join(self.stage.livekit.url, self.stage.livekit.token("bot", self.name))

    async def bring_voicebot(self, agent: bool = True) -> rtc.AudioSource:
        token = self.stage.livekit.token("agent-1", self.name, agent=agent)
        await self.voicebot.connect(self.stage.livekit.url, token)
        source = rtc.AudioSource(48_000, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await self.voicebot.local_participant.publish_track(track, rtc.TrackPublishOptions())
        return source

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def joined(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Joined]:
    joined = Joined(stage, f"test-{request.node.name}")
    await joined.start()
    yield joined
    await joined.room.leave()
    await joined.voicebot.disconnect()


@pytest.mark.parametrize("agent", [True, False])
async def test_the_voicebot_is_heard_whether_its_token_says_agent_or_not(joined: Joined, agent: bool) -> None:
    source = await joined.bring_voicebot(agent)
    await eventually(lambda: joined.of(VoicebotArrived) == [VoicebotArrived()])
    for _ in range(30):
        await source.capture_frame(rtc.AudioFrame(TONE.tobytes(), 48_000, 1, 960))
        await asyncio.sleep(0.02)
    await eventually(lambda: sum(np.abs(frame).max() > 3000 for frame in joined.frames) > 15)
    assert all(len(frame) == 960 for frame in joined.frames)


async def test_a_voicebot_that_leaves_and_comes_back(joined: Joined) -> None:
    await joined.bring_voicebot()
    await eventually(lambda: len(joined.of(VoicebotArrived)) == 1)
    await joined.voicebot.disconnect()
    await eventually(lambda: len(joined.of(VoicebotGone)) == 1)
    joined.voicebot = rtc.Room()
    await joined.bring_voicebot()
    await eventually(lambda: len(joined.of(VoicebotArrived)) == 2)


async def test_any_rate_and_any_channels_keep_their_pitch(joined: Joined) -> None:
    await joined.bring_voicebot()
    source = rtc.AudioSource(24_000, 2, queue_size_ms=1000)
    track = rtc.LocalAudioTrack.create_audio_track("stereo", source)
    await joined.voicebot.local_participant.publish_track(track, rtc.TrackPublishOptions())
    await eventually(lambda: len(joined.tracks) == 2)
    wave = (np.sin(np.arange(24_000) * 2 * np.pi * 600 / 24_000) * 8000).astype(np.int16)
    await source.capture_frame(rtc.AudioFrame(np.repeat(wave, 2).tobytes(), 24_000, 2, 24_000))

    def loud_ones() -> list[np.ndarray]:
        return [frame for frames in joined.tracks.values() for frame in frames if np.abs(frame).max() > 4000]

    await eventually(lambda: len(loud_ones()) > 46)
    loud = loud_ones()
    assert {len(frame) for frame in loud} == {960}
    sound = np.concatenate(loud[5:45])
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(np.argmax(spectrum) * 48_000 / len(sound) - 600) < 3


async def test_two_tracks_are_told_apart_and_one_may_go(joined: Joined) -> None:
    voice = await joined.bring_voicebot()
    music = rtc.AudioSource(48_000, 1, queue_size_ms=1000)
    track = rtc.LocalAudioTrack.create_audio_track("music", music)
    publication = await joined.voicebot.local_participant.publish_track(track, rtc.TrackPublishOptions())
    await eventually(lambda: len(joined.tracks) == 2)
    for source in (voice, music):
        await source.capture_frame(rtc.AudioFrame(TONE.tobytes(), 48_000, 1, 960))
    await asyncio.sleep(0.3)
    assert len(joined.of(VoicebotArrived)) == 1
    await joined.voicebot.local_participant.unpublish_track(publication.sid)
    await eventually(lambda: joined.of(TrackGone) == [TrackGone(publication.sid)])
    assert joined.of(VoicebotGone) == []


async def test_a_track_that_is_muted_for_a_while_is_heard_again(joined: Joined) -> None:
    source = await joined.bring_voicebot()
    await eventually(lambda: bool(joined.of(VoicebotArrived)))
    (publication,) = joined.voicebot.local_participant.track_publications.values()
    assert isinstance(publication.track, rtc.LocalAudioTrack)
    publication.track.mute()
    await asyncio.sleep(1)
    publication.track.unmute()
    before = len(joined.frames)
    for _ in range(50):
        await source.capture_frame(rtc.AudioFrame(TONE.tobytes(), 48_000, 1, 960))
    await eventually(lambda: sum(np.abs(frame).max() > 4000 for frame in joined.frames[before:]) > 35)
    assert joined.of(VoicebotGone) == []


async def test_lines_come_once_from_packets_and_text_streams(joined: Joined) -> None:
    await joined.bring_voicebot()
    await eventually(lambda: bool(joined.of(VoicebotArrived)))
    me = joined.voicebot.local_participant
    body = {"type": "transcript", "role": "user", "text": "hello there", "isComplete": True}
    await me.publish_data(json.dumps(body).encode(), reliable=True)
    await eventually(lambda: len(joined.of(Utterance)) == 1)
    # livekit-agents sends a person's words under that person's name, and its own under its own.
    heard = {"lk.transcription_final": "true", "lk.segment_id": "s1"}
    writer = await me.stream_text(topic="lk.transcription", attributes=heard, sender_identity="bot")
    await writer.write("hello there")
    await writer.aclose()
    await me.send_text("I am a voicebot", topic="lk.transcription", attributes={"lk.segment_id": "s2"})
    await eventually(lambda: len(joined.of(Utterance)) == 2)
    await asyncio.sleep(0.3)
    said = [(line.role, line.text, line.final) for line in joined.of(Utterance)]
    assert said == [("user", "hello there", True), ("voicebot", "I am a voicebot", True)]


async def test_text_streams_alone_make_a_transcript_too(joined: Joined) -> None:
    await joined.bring_voicebot()
    await eventually(lambda: bool(joined.of(VoicebotArrived)))
    me = joined.voicebot.local_participant
    for text, final in (("hello", "false"), ("hello there", "true")):
        attributes = {"lk.transcription_final": final, "lk.segment_id": "s1"}
        writer = await me.stream_text(topic="lk.transcription", attributes=attributes, sender_identity="bot")
        await writer.write(text)
        await writer.aclose()
    await eventually(lambda: len(joined.of(Utterance)) == 2)
    assert [(line.text, line.final) for line in joined.of(Utterance)] == [("hello", False), ("hello there", True)]


async def test_the_voicebots_state_is_told(joined: Joined) -> None:
    await joined.bring_voicebot()
    await joined.voicebot.local_participant.set_attributes({"lk.agent.state": "thinking"})
    await eventually(lambda: AgentState("thinking") in joined.events)


async def test_no_more_is_told_of_its_state_than_there_are_states_and_no_faster_than_it_may_speak(
    joined: Joined,
) -> None:
    await joined.bring_voicebot()
    me = joined.voicebot.local_participant
    await me.set_attributes({"lk.agent.state": "x" * 1000})
    for number in range(200):
        await me.set_attributes({"lk.agent.state": ("listening", "speaking")[number % 2]})
    await me.set_attributes({"done": "yes"})
    there = joined.room._room.remote_participants
    await eventually(lambda: any(p.attributes.get("done") for p in there.values()))
    told = joined.of(AgentState)
    assert {event.state for event in told} <= {"listening", "speaking"}
    assert told


async def test_our_voice_reaches_the_room(joined: Joined, stage: Stage) -> None:
    from sandbox.livekit.observer import RoomObserver

    observer = RoomObserver()
    await observer.join(stage.livekit, joined.name)
    await asyncio.sleep(0.3)
    for _ in range(40):
        joined.room.feed(TONE)
        await asyncio.sleep(0.02)
    await eventually(lambda: sum(np.abs(frame).max() > 3000 for _, frame in observer.of(agent=False)) > 25)
    await observer.leave()
    assert joined.room.stats.fed >= 35


async def test_a_burst_is_bounded_and_the_oldest_goes(joined: Joined) -> None:
    for _ in range(MAX_WAITING + 5):
        joined.room.feed(TONE)
    assert joined.room.stats.dropped == 5


async def test_a_deleted_room_is_the_providers_end(joined: Joined, stage: Stage) -> None:
    await stage.valsea.delete_room(joined.name)
    await eventually(lambda: joined.of(RoomClosed) == [RoomClosed(RoomEnd.ENDED_BY_PROVIDER)])


async def test_another_client_in_our_place(joined: Joined, stage: Stage) -> None:
    other = rtc.Room()
    await other.connect(stage.livekit.url, stage.livekit.token("bot", joined.name))
    await eventually(lambda: joined.of(RoomClosed) == [RoomClosed(RoomEnd.REPLACED)])
    await other.disconnect()


@pytest.mark.parametrize("token", ["garbage", ""])
async def test_a_token_the_server_refuses(stage: Stage, token: str) -> None:
    joined = Joined(stage, "refused")
    with pytest.raises(RoomError) as caught:
        await joined.room.join(stage.livekit.url, token)
    assert "could not be joined" in caught.value.for_user
    await joined.room.leave()


async def test_leaving_twice_and_saying_nothing(joined: Joined) -> None:
    await joined.room.leave()
    await joined.room.leave()
    assert joined.of(RoomClosed) == []


#: Joins a room again and again, and gives up after so many milliseconds; then waits as long as the SDK does.
IMPATIENT = """
import asyncio, contextlib, sys
from bot.room.connection import RoomConnection
from bot.room.microphone import MAX_WAITING
async def main(url, tokens):
    late = set()
    for number, token in enumerate(tokens):
        room = RoomConnection(
            read_packet=lambda payload: (), on_frame=lambda track, frame: None, on_message=lambda message: None,
            on_event=lambda event: None,
            outlive=lambda work: late.add(asyncio.create_task(work)),
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(room.join(url, token), 0.004 * number)
        await room.leave()
    await asyncio.sleep(11)
    print("given up", len(late), "still connecting", sum(not task.done() for task in late))
asyncio.run(main(sys.argv[1], sys.argv[2:]))
"""


async def test_a_join_that_is_given_up_at_any_moment_does_not_take_the_process_down(stage: Stage) -> None:
    """The SDK ends a process whose connect was cancelled half-way, ten seconds later: with every call in it."""
    tokens = [stage.livekit.token(f"bot-{number}", f"impatient-{number}") for number in range(40)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IMPATIENT, stage.livekit.url, *tokens),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-2000:]
    assert b"Panic" not in errors
    words = printed.split()
    assert int(words[2]) >= 5  # some were in the middle of it
    assert int(words[-1]) == 0

"""The bare primitives of one talking call in real time and nothing else; prints their share of a core as JSON.

Per 20 ms: open one packet (AEAD, DAVE), decode it, capture it into LiveKit; read one frame from LiveKit, encode it,
seal it (DAVE, AEAD). No jitter buffer, no mixer, no websocket, no Discord.
"""

import asyncio
import json
import os
import resource
import sys
import time

import davey
import numpy as np
from livekit import rtc

from bot.voice import aead, opus, rtp
from bot.voice.dave import DaveSession
from sandbox.discord.voice.dave_group import DaveGroup

SECONDS = 12.0
WARM_UP = 3.0


async def main(url: str, token: str, work: str) -> None:
    """Join, warm up, measure, print. `work` is "talk"; "idle" for a joined room with a track of
    ours and nothing else; "listen" for that and reading somebody's silent track."""
    room = rtc.Room()
    heard: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue(maxsize=4)
    readers: list[asyncio.Task[None]] = []

    async def read(track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=48_000, num_channels=1, frame_size_ms=20)
        async for event in stream:
            if not heard.full():
                heard.put_nowait(event.frame)

    if work != "idle":
        room.on("track_subscribed", lambda track, *_: readers.append(asyncio.create_task(read(track))))
    await room.connect(url, token)
    source = rtc.AudioSource(48_000, 1, queue_size_ms=40)
    track = rtc.LocalAudioTrack.create_audio_track("mic", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=True))
    primitives = _Primitives()
    deadline = time.monotonic() + WARM_UP
    for end in (deadline, deadline + SECONDS):
        before = _cpu()
        if work == "talk":
            await _pace(primitives, source, heard, end)
        else:
            await asyncio.sleep(end - time.monotonic())
    print(json.dumps({"share": (_cpu() - before) / SECONDS}))
    sys.stdout.flush()
    os._exit(0)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _pace(
    work: "_Primitives", source: rtc.AudioSource, heard: "asyncio.Queue[rtc.AudioFrame]", until: float
) -> None:
    due = time.monotonic()
    while due < until:
        frame = work.receive()
        await source.capture_frame(rtc.AudioFrame(frame.tobytes(), 48_000, 1, 960))
        if not heard.empty():
            work.send(np.frombuffer(heard.get_nowait().data, np.int16))
        due += 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))


class _Primitives:
    """Two members of a DAVE group; packets of the other are made beforehand, so that only our side is measured."""

    def __init__(self) -> None:
        self._ours, theirs = _agree()
        self._cipher = aead.TransportCipher(aead.AES256_GCM, bytes(32))
        self._encoder, self._decoder = opus.Encoder(), opus.Decoder()
        encoder = opus.Encoder()
        time_axis = np.arange(960 * 900) / 48_000
        speech = (np.sin(2 * np.pi * 220 * time_axis) * 6000 * (1 + 0.5 * np.sin(2 * np.pi * 3 * time_axis))).astype(
            np.int16
        )
        self._packets = iter(
            [
                self._cipher.seal(rtp.build_header(number, number * 960, 7), theirs.encrypt_opus(encoder.encode(frame)))
                for number, frame in enumerate(np.split(speech, 900))
            ]
        )
        self._sequence = 0

    def receive(self) -> opus.Pcm:
        datagram = next(self._packets)
        payload = self._cipher.open(datagram, rtp.HEADER_SIZE)
        assert payload is not None
        frame = self._ours.open(2, payload)
        assert frame is not None
        return self._decoder.decode(frame)

    def send(self, frame: opus.Pcm) -> None:
        sealed = self._ours.seal(self._encoder.encode(frame))
        assert sealed is not None
        self._sequence += 1
        self._cipher.seal(rtp.build_header(self._sequence, self._sequence * 960, 8), sealed)


def _agree() -> tuple[DaveSession, davey.DaveSession]:
    """Our session and a plain davey one with keys for each other."""
    channel = 9
    group = DaveGroup(channel)
    ours, theirs = DaveSession(1, channel), davey.DaveSession(1, 2, channel)
    (introduction,) = ours.start(1)
    assert isinstance(introduction.data, bytes)
    for user in (1, 2):
        for message in group.connect(user):
            assert isinstance(message.data, bytes)
            if user == 1:
                ours.handle_binary(message.op, message.data, {2})
            else:
                theirs.set_external_sender(message.data)
    group.key_package(1, introduction.data)
    for message in group.key_package(2, theirs.get_serialized_key_package()):
        assert isinstance(message.data, bytes)
        (vote,) = ours.handle_binary(message.op, message.data, {2})
        assert isinstance(vote.data, bytes)
        for announcement in group.commit(1, vote.data):
            assert isinstance(announcement.data, bytes)
            if announcement.user_id == 1:
                ours.handle_binary(announcement.op, announcement.data, {2})
            else:
                theirs.process_welcome(announcement.data[2:])
    return ours, theirs


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

"""What a plugin hears of a call: all of it when it keeps up, the newest when not, and nothing it could spoil."""

import asyncio
import threading

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.media.tap import AudioTap, SoundFrame


def frame(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, np.int16)


async def read(tap: AudioTap) -> list[SoundFrame]:
    return [sound async for sound in tap]


async def test_a_reader_gets_every_frame_from_the_other_thread_in_order() -> None:
    tap = AudioTap(asyncio.get_running_loop(), capacity=500)

    def media() -> None:
        for number in range(200):
            tap.put(number * 0.02, frame(number), None)
        tap.close()

    thread = threading.Thread(target=media)
    reading = asyncio.create_task(read(tap))
    thread.start()
    heard = await asyncio.wait_for(reading, 5)
    thread.join()
    assert [int(sound.people[0]) for sound in heard if sound.people is not None] == list(range(200))
    assert tap.dropped == 0


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    tap = AudioTap(asyncio.get_running_loop(), capacity=3)
    for number in range(10):
        tap.put(number * 0.02, None, frame(number))
    tap.close()
    heard = await read(tap)
    assert [int(sound.voicebot[0]) for sound in heard if sound.voicebot is not None] == [7, 8, 9]
    assert tap.dropped == 7


async def test_silence_is_not_delivered() -> None:
    tap = AudioTap(asyncio.get_running_loop())
    tap.put(0.0, None, None)
    tap.close()
    assert await read(tap) == []


async def test_a_reader_cannot_change_the_call() -> None:
    tap = AudioTap(asyncio.get_running_loop())
    original = frame(7)
    tap.put(0.0, original, None)
    tap.close()
    (sound,) = await read(tap)
    assert sound.people is not None
    with pytest.raises(ValueError, match="read-only"):
        sound.people[0] = 1
    original[0] = 99  # nor does what the mixer does later reach the reader
    assert sound.people[0] == 7


async def test_a_reader_that_waits_is_woken_by_the_end() -> None:
    tap = AudioTap(asyncio.get_running_loop())
    reading = asyncio.create_task(read(tap))
    await asyncio.sleep(0.01)
    tap.close()
    assert await asyncio.wait_for(reading, 1) == []


async def test_a_reader_that_stops_to_read_leaves_nothing_behind() -> None:
    tap = AudioTap(asyncio.get_running_loop())
    tap.put(0.0, frame(1), None)
    tap.put(0.02, frame(2), None)
    sounds = aiter(tap)
    await anext(sounds)
    assert not tap.closed
    await sounds.aclose()  # type: ignore[attr-defined]
    assert tap.closed
    tap.put(0.04, frame(3), None)
    assert not tap._frames

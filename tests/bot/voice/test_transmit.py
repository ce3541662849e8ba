"""What goes out, in which order: SPEAKING before the first datagram of a burst, silence behind the last."""

import asyncio
from typing import Any

import numpy as np
import pytest

from bot.voice.send import TRAILING_SILENCE
from bot.voice.transmit import OPENING_FRAMES, Transmitter

FRAME = np.zeros(960, np.int16)


class Wire:
    """A sender whose datagrams are words, and a socket that notes them beside what is said of SPEAKING."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.keys = True
        self.left = 0
        sender: Any = self
        self.transmitter = Transmitter(sender, lambda speaking: self.sent.append("speaking" if speaking else "quiet"))
        self.transmitter.socket = self  # type: ignore[assignment]
        self.closed = False

    def frame(self, pcm: Any, tick: int) -> bytes | None:
        self.left = TRAILING_SILENCE
        return b"sound" if self.keys else None

    def silence(self, tick: int) -> bytes | None:
        self.left = TRAILING_SILENCE
        return b"silence" if self.keys else None

    def pause(self, tick: int) -> bytes | None:
        self.left -= 1
        return b"pause"

    @property
    def in_burst(self) -> bool:
        return self.left > 0

    def send(self, datagram: bytes) -> None:
        self.sent.append(datagram.decode())

    def close(self) -> None:
        self.closed = True


async def test_speaking_goes_before_the_first_datagram_and_order_is_kept() -> None:
    wire = Wire()
    wire.transmitter.send_lead_in(1)
    wire.transmitter.send_frame(FRAME, 2)
    assert wire.sent == ["speaking"]
    await asyncio.sleep(0)
    assert wire.sent == ["speaking", "silence", "sound"]
    wire.transmitter.send_frame(FRAME, 3)
    assert wire.sent[-1] == "sound"


async def test_a_burst_ends_with_silence_and_then_costs_nothing() -> None:
    wire = Wire()
    wire.transmitter.send_frame(FRAME, 1)
    await asyncio.sleep(0)
    for tick in range(2, 20):
        wire.transmitter.send_pause(tick)
    assert wire.sent == ["speaking", "sound", *["pause"] * TRAILING_SILENCE, "quiet"]


async def test_without_keys_nothing_is_announced() -> None:
    wire = Wire()
    wire.keys = False
    wire.transmitter.send_frame(FRAME, 1)
    wire.transmitter.send_lead_in(2)
    await asyncio.sleep(0)
    assert wire.sent == []


async def test_after_a_resume_speaking_is_said_anew() -> None:
    wire = Wire()
    for tick in (1, 2):
        wire.transmitter.send_frame(FRAME, tick)
        await asyncio.sleep(0)
        wire.transmitter.forget_speaking()
    assert wire.sent == ["speaking", "sound", "speaking", "sound"]


async def test_the_path_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    await asyncio.gather(wire.transmitter.open_path(), wire.transmitter.open_path())
    assert wire.sent == ["silence"] * OPENING_FRAMES


async def test_the_voicebots_own_words_open_the_path_as_well() -> None:
    wire = Wire()
    opening = asyncio.create_task(wire.transmitter.open_path())
    await asyncio.sleep(0)
    wire.transmitter.send_frame(FRAME, 1)
    await opening
    assert wire.sent == ["silence", "speaking", "sound"]


async def test_what_is_sent_after_the_end_goes_nowhere() -> None:
    wire = Wire()
    wire.transmitter.send_frame(FRAME, 1)
    wire.transmitter.close()
    await asyncio.sleep(0)
    wire.transmitter.send_frame(FRAME, 2)
    assert wire.sent == ["speaking"]
    assert wire.closed

"""The voicebot's frames on the wire: order, timestamps through pauses, the end of a burst."""

import numpy as np
import pytest

from bot.voice import aead
from bot.voice.dave import DaveSession
from bot.voice.opus import SAMPLES_PER_FRAME, SILENCE_FRAME, Encoder
from bot.voice.send import TRAILING_SILENCE, Sender
from sandbox.discord.voice import transport

KEY = bytes(range(32))
SOUND = (np.sin(np.arange(960) / 10) * 8000).astype(np.int16)


@pytest.fixture
def sender() -> Sender:
    dave = DaveSession(1001, 1)
    dave.start(0)
    sender = Sender(dave, Encoder())
    sender.use(aead.TransportCipher(aead.AES256_GCM, KEY), 77)
    return sender


def _read(datagram: bytes | None) -> transport.Packet:
    assert datagram is not None
    return transport.Cipher(aead.AES256_GCM, KEY).decrypt(datagram)


def test_sequence_counts_packets_and_timestamp_counts_time(sender: Sender) -> None:
    first, second = _read(sender.frame(SOUND, 100)), _read(sender.frame(SOUND, 101))
    assert (second.sequence - first.sequence) & 0xFFFF == 1
    assert (second.timestamp - first.timestamp) & 0xFFFF_FFFF == SAMPLES_PER_FRAME
    assert first.ssrc == 77


def test_the_timestamp_runs_on_through_a_pause(sender: Sender) -> None:
    """Frozen in pauses it would make receivers add seconds of delay in an hour."""
    before = _read(sender.frame(SOUND, 100))
    for tick in range(101, 200):
        sender.pause(tick)
    after = _read(sender.frame(SOUND, 200))
    assert (after.timestamp - before.timestamp) & 0xFFFF_FFFF == 100 * SAMPLES_PER_FRAME
    assert (after.sequence - before.sequence) & 0xFFFF == 1 + TRAILING_SILENCE


def test_a_burst_ends_with_five_frames_of_silence(sender: Sender) -> None:
    assert sender.pause(99) is None
    sender.frame(SOUND, 100)
    ending = [sender.pause(tick) for tick in range(101, 110)]
    assert [_read(datagram).payload for datagram in ending if datagram is not None] == [SILENCE_FRAME] * 5
    assert ending[TRAILING_SILENCE:] == [None] * 4
    assert not sender.in_burst


def test_without_keys_nothing_is_sent_in_clear() -> None:
    dave = DaveSession(1001, 1)
    dave.start(1)
    sender = Sender(dave, Encoder())
    sender.use(aead.TransportCipher(aead.AES256_GCM, KEY), 77)
    assert sender.frame(SOUND, 1) is None
    assert sender.stats.no_keys == 1

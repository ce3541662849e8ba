"""One person from packets to frames, with a codec that shows what it was asked to do."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.fade import RETURN
from bot.bridge.speaker import SILENCE_PACKET, Speaker

FRAME = 0.02


class ShowingCodec:
    """Frames filled with a number: the packet's own, 1000 for concealment, 2000 + the next one's for repair."""

    def decode(self, packet: bytes) -> Frame:
        if packet == b"broken":
            raise ValueError
        if packet == SILENCE_PACKET:
            return np.zeros(FRAME_SAMPLES, np.int16)
        frames = 3 if packet.startswith(b"long") else 1
        return np.full(frames * FRAME_SAMPLES, int(packet[-2:]), np.int16)

    def has_fec(self, packet: bytes) -> bool:
        return not packet.startswith(b"celt")

    def decode_fec(self, following: bytes) -> Frame:
        return np.full(FRAME_SAMPLES, 2000 + int(following[-2:]), np.int16)

    def conceal(self) -> Frame:
        return np.full(FRAME_SAMPLES, 1000, np.int16)


@pytest.fixture
def speaker() -> Speaker:
    return Speaker(ShowingCodec(), least=0.04)


def _values(speaker: Speaker, ticks: int, start: float = 0.04) -> list[int | None]:
    frames = [speaker.next_frame(start + number * FRAME) for number in range(ticks)]
    return [None if frame is None else int(frame[RETURN]) for frame in frames]


def _push(speaker: Speaker, *numbers: int, ssrc: int = 1) -> None:
    for number in numbers:
        speaker.push(ssrc, number * FRAME_SAMPLES, f"{number:02}".encode(), now=0.0)


def test_packets_become_frames(speaker: Speaker) -> None:
    _push(speaker, 0, 1, 2)
    assert _values(speaker, 3) == [0, 1, 2]


def test_a_lost_packet_is_repaired_from_the_next_one(speaker: Speaker) -> None:
    _push(speaker, 0, 2)
    assert _values(speaker, 3) == [0, 2002, 2]


def test_an_end_nobody_announced_is_concealed(speaker: Speaker) -> None:
    _push(speaker, 0)
    assert _values(speaker, 3) == [0, 1000, 916]  # which fades already


def test_an_announced_end_is_not(speaker: Speaker) -> None:
    _push(speaker, 0)
    speaker.push(1, FRAME_SAMPLES, SILENCE_PACKET, now=0.0)
    assert _values(speaker, 4) == [0, 0, None, None]


def test_a_long_packet_fills_several_ticks(speaker: Speaker) -> None:
    speaker.push(1, 0, b"long07", now=0.0)
    assert _values(speaker, 3) == [7, 7, 7]


def test_who_leaves_in_the_middle_of_a_long_packet_fades_within_a_frame(speaker: Speaker) -> None:
    speaker.push(1, 0, b"long 07", now=0.0)
    assert _values(speaker, 1) == [7]
    last = speaker.last_frame(0.06)
    assert last is not None
    assert last.shape == (FRAME_SAMPLES,)
    assert last[0] == 7
    assert last[-1] == 0
    assert speaker.last_frame(0.06) is None


def test_long_packets_one_after_another_leave_no_gap(speaker: Speaker) -> None:
    for number in range(3):
        speaker.push(1, number * 3 * FRAME_SAMPLES, f"long{number:02}".encode(), now=0.0)
    assert _values(speaker, 9) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_broken_packet_is_concealed_and_counted(speaker: Speaker) -> None:
    _push(speaker, 0)
    speaker.push(1, FRAME_SAMPLES, b"broken", now=0.0)
    assert _values(speaker, 2) == [0, 1000]
    assert speaker.undecodable == 1


def test_a_new_ssrc_starts_afresh(speaker: Speaker) -> None:
    _push(speaker, 500, 501)
    _push(speaker, 3, 4, ssrc=2)
    assert _values(speaker, 2) == [3, 4]
    assert speaker.buffer.stats.played == 2


def test_silence_is_nothing(speaker: Speaker) -> None:
    assert _values(speaker, 2) == [None, None]


def test_a_straggler_of_the_ssrc_before_does_not_take_it_back(speaker: Speaker) -> None:
    _push(speaker, 500)
    _push(speaker, 3, ssrc=2)
    _push(speaker, 501)
    _push(speaker, 4, ssrc=2)
    assert _values(speaker, 2) == [3, 4]
    assert speaker.buffer.stats.late == 1


def test_the_end_of_a_long_packet_fades_at_the_gain_of_the_rest() -> None:
    """What does not fill a frame is made as loud as what came before it: a step in the gain would be heard."""

    class Humming(ShowingCodec):
        def decode(self, packet: bytes) -> Frame:
            return np.full(FRAME_SAMPLES * 3 // 2 if packet == b"odd" else FRAME_SAMPLES, 800, np.int16)

    speaker = Speaker(Humming(), least=0.04, balance=True)
    for number in range(100):
        speaker.push(1, number * FRAME_SAMPLES, b"whole", now=number * FRAME)
        speaker.next_frame(number * FRAME + 0.001)
    speaker.push(1, 100 * FRAME_SAMPLES, b"odd", now=100 * FRAME)
    speaker.push(1, 100 * FRAME_SAMPLES + FRAME_SAMPLES * 3 // 2, SILENCE_PACKET, now=100 * FRAME)
    tail = [speaker.next_frame((number + 100) * FRAME + 0.001) for number in range(6)]
    sound = np.concatenate([frame for frame in tail if frame is not None]).astype(np.int32)
    assert sound[0] > 1200
    assert np.abs(np.diff(sound[sound > 0])).max() < 30


def test_what_no_packet_repeats_counts_as_concealed(speaker: Speaker) -> None:
    """CELT, as Discord's clients send music, has no FEC; libopus makes something up where it is asked for it."""
    _push(speaker, 0)
    speaker.push(1, 2 * FRAME_SAMPLES, b"celt02", now=0.0)
    assert _values(speaker, 2) == [0, 2002]
    assert speaker.concealed == 1
    assert _values(speaker, 1, start=0.08) == [2]

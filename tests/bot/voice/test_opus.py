"""libopus through our binding: sound survives, losses are concealed, nonsense is refused."""

import numpy as np
import pytest

from bot.voice.opus import SAMPLES_PER_FRAME, SILENCE_FRAME, Decoder, Encoder, OpusError, version
from sandbox.people.speech import speak


def _tone(frames: int) -> list[np.ndarray]:
    time = np.arange(frames * SAMPLES_PER_FRAME) / 48_000
    samples = (np.sin(2 * np.pi * 440 * time) * 9000).astype(np.int16)
    return np.split(samples, frames)


def _loudness(frame: np.ndarray) -> float:
    return float(np.sqrt((frame.astype(np.float64) ** 2).mean()))


def test_a_tone_survives() -> None:
    encoder, decoder = Encoder(), Decoder()
    decoded = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in _tone(50)])
    assert len(decoded) == 50 * SAMPLES_PER_FRAME
    spectrum = np.abs(np.fft.rfft(decoded[24_000:]))
    assert abs(np.argmax(spectrum) * 48_000 / (len(decoded) - 24_000) - 440) < 3
    assert 5000 < _loudness(decoded[24_000:]) < 7500


def test_a_loss_is_concealed_and_fades() -> None:
    encoder, decoder = Encoder(), Decoder()
    for frame in _tone(20):
        decoder.decode(encoder.encode(frame))
    concealed = [decoder.conceal() for _ in range(40)]
    assert all(len(frame) == SAMPLES_PER_FRAME for frame in concealed)
    assert _loudness(concealed[0]) > 1000
    assert _loudness(concealed[-1]) < 300


def _syllables(frames: int) -> list[np.ndarray]:
    """Something that changes as speech does, so that the past does not tell what comes."""
    rng = np.random.default_rng(3)
    time = np.arange(SAMPLES_PER_FRAME) / 48_000
    sound, phase = [], 0.0
    for _ in range(frames):
        pitch, loudness = rng.uniform(90, 260), rng.uniform(1000, 6000)
        overtones = [np.sin(phase + 2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)]
        sound.append((np.sum(overtones, axis=0) * loudness).astype(np.int16))
        phase += 2 * np.pi * pitch * SAMPLES_PER_FRAME / 48_000
    return sound


@pytest.mark.parametrize("bitrate", [24_000, 32_000, 64_000, 96_000])
def test_the_packet_after_a_loss_says_again_what_was_lost(bitrate: int) -> None:
    """As the product's encoder is by default; concealment alone is off by more than half of the sound."""
    encoder, whole, repairing, concealing = Encoder(bitrate=bitrate), Decoder(), Decoder(), Decoder()
    packets = [encoder.encode(frame) for frame in _syllables(300)]
    energy = repaired = concealed = 0.0
    for number, packet in enumerate(packets[:-1]):
        meant = whole.decode(packet).astype(np.float64)
        if number % 7 != 3:
            repairing.decode(packet)
            concealing.decode(packet)
            continue
        energy += float((meant**2).sum())
        repaired += float(((repairing.decode_fec(packets[number + 1]) - meant) ** 2).sum())
        concealed += float(((concealing.conceal() - meant) ** 2).sum())
    assert concealed > 0.5 * energy
    assert repaired < 0.5 * concealed


def test_the_bitrate_can_change_in_mid_stream() -> None:
    encoder = Encoder(bitrate=64_000)
    noise = np.random.default_rng(1).integers(-9000, 9000, (40, SAMPLES_PER_FRAME)).astype(np.int16)
    before = sum(len(encoder.encode(frame)) for frame in noise)
    encoder.set_bitrate(16_000)
    assert sum(len(encoder.encode(frame)) for frame in noise) < before / 2


def test_silence_is_silent() -> None:
    assert _loudness(Decoder().decode(SILENCE_FRAME)) < 1


@pytest.mark.parametrize("packet", [b"", b"\xff" * 3, b"\x03\xff\xff", bytes([0xFF]) + bytes(200)])
def test_nonsense_is_refused(packet: bytes) -> None:
    with pytest.raises(OpusError):
        Decoder().decode(packet)


def test_an_odd_frame_is_refused() -> None:
    with pytest.raises(OpusError):
        Encoder().encode(np.zeros(777, np.int16))


def test_the_library_says_who_it_is() -> None:
    assert version().startswith("libopus")


def test_which_packets_repeat_the_one_before() -> None:
    speech = speak("When does the museum open tomorrow?")
    frames = [speech[start : start + 960] for start in range(0, len(speech) - 960, 960)]

    def repeating(**settings: int) -> int:
        encoder = Encoder(**settings)
        return sum(Decoder.has_fec(encoder.encode(frame)) for frame in frames)

    assert repeating(bitrate=32_000) > 0.5 * len(frames)
    assert repeating(bitrate=32_000, expected_loss=0) == 0


@pytest.mark.parametrize(
    ("packet", "fec"),
    [
        (b"", False),
        (b"\x48", False),  # DTX: nothing but the first byte
        (bytes([9 << 3, 0b0100_0000]), True),  # SILK, 20 ms: the flag behind one for voice activity
        (bytes([9 << 3, 0b1000_0000]), False),
        (bytes([11 << 3, 0b0001_0000]), False),  # SILK, 60 ms: libopus does not take 20 ms of that
        (bytes([15 << 3, 0b0100_0000]), True),  # hybrid, 20 ms
        (bytes([9 << 3 | 4, 0b0001_0000]), True),  # stereo: the side's
        (bytes([9 << 3, 0b0001_0000]), False),
        (bytes([9 << 3 | 1, 0b0100_0000, 0]), True),  # two frames of one length in one packet
        (bytes([9 << 3 | 2, 1, 0b0100_0000, 0]), True),  # of two lengths
        (bytes([9 << 3 | 2, 252, 0, 0b0100_0000]), True),  # a length in two bytes
        (bytes([9 << 3 | 3, 0b0100_0001, 255, 1, 0b0100_0000]), True),  # padded
        (bytes([9 << 3 | 3, 0b1000_0010, 1, 0b0100_0000, 0]), True),  # several lengths
        (bytes([9 << 3 | 3, 0b1000_0010, 1, 0, 0b0100_0000]), False),
        (bytes([9 << 3 | 3, 0b0100_0001, 255, 255]), False),  # cut short
        (bytes([31 << 3, 0b0100_0000]), False),  # CELT
    ],
)
def test_the_flag_of_rfc_6716(packet: bytes, fec: bool) -> None:
    assert Decoder.has_fec(packet) is fec

"""Sounds for tests of the media layer, made without speech models."""

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame


def voice(seconds: float, *, loudness: float = 4000.0, pitch: float = 140.0) -> list[Frame]:
    """Frames of something pitched that moves as a voice does: harmonics that glide, in syllables."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2.5 * time))) / 48_000
    tone = sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 12))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    wave = np.asarray(tone * syllables, np.float64)
    wave *= loudness / np.sqrt((wave**2).mean())
    return list(wave.astype(np.int16)[: len(wave) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES))


def silence() -> Frame:
    """One silent frame."""
    return np.zeros(FRAME_SAMPLES, np.int16)

"""Voices and understanding for people: Piper speaks for them (cached on disk), Whisper tells what they heard."""

import hashlib
import os
import wave
from pathlib import Path

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from agent import models
from agent.speech_to_text import normalise, resample
from agent.text_to_speech import sample_rate, synthesise
from sandbox.livekit.build import cache_folder

RATE = 48_000

Pcm = NDArray[np.int16]


def speak(text: str) -> Pcm:
    """A sentence as 48 kHz mono int16 samples, always the same. Blocking; made once and kept in the cache."""
    name = hashlib.sha256(f"joe-2 {text}".encode()).hexdigest()[:24]
    file = cache_folder() / "speech" / f"{name}.wav"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        save(unfinished, _to_48k(b"".join(synthesise(text, steady=True)), sample_rate()))
        os.replace(unfinished, file)
    return load(file)


def recognise(samples: Pcm) -> str:
    """The words in 48 kHz mono samples. Blocking."""
    return models.recognise(resample(normalise(samples), RATE))


def load(file: Path) -> Pcm:
    """A 48 kHz mono 16-bit WAV file; ValueError for any other."""
    with wave.open(str(file), "rb") as source:
        if (source.getframerate(), source.getnchannels(), source.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{file}: expected 48 kHz mono 16-bit")
        return np.frombuffer(source.readframes(source.getnframes()), np.int16)


def save(file: Path, samples: Pcm) -> None:
    """Write a 48 kHz mono 16-bit WAV file."""
    with wave.open(str(file), "wb") as target:
        target.setframerate(RATE)
        target.setnchannels(1)
        target.setsampwidth(2)
        target.writeframes(samples.astype(np.int16).tobytes())


def _to_48k(pcm: bytes, rate: int) -> Pcm:
    resampler = rtc.AudioResampler(rate, RATE, quality=rtc.AudioResamplerQuality.HIGH)
    frames = resampler.push(bytearray(pcm)) + resampler.flush()
    return np.frombuffer(b"".join(bytes(frame.data) for frame in frames), np.int16)

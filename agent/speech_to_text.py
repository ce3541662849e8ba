"""Whisper behind livekit-agents' STT interface, with interim results while someone is still speaking."""

import asyncio
import contextlib
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, stt, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.vad import VADEventType
from numpy.typing import NDArray

from . import models

#: Seconds of new speech between two interim results; recognition costs most of a core.
INTERIM_EVERY = 1.5


class WhisperSTT(stt.STT[str]):
    """Speech to text on this machine."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        text = await transcribe(utils.merge_frames(buffer))
        return _event(stt.SpeechEventType.FINAL_TRANSCRIPT, text)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _WhisperStream(stt=self, conn_options=conn_options)


class _WhisperStream(stt.RecognizeStream):
    """Cuts the sound into utterances by voice activity, recognises each, and parts of it on the way."""

    async def _run(self) -> None:
        activity = models.vad().stream()
        forward = asyncio.create_task(self._forward(activity))
        interim: asyncio.Task[None] | None = None
        heard = 0.0
        try:
            async for event in activity:
                if event.type is VADEventType.START_OF_SPEECH:
                    heard = 0.0
                    self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.START_OF_SPEECH))
                elif event.type is VADEventType.INFERENCE_DONE and event.speaking:
                    pausing = event.raw_accumulated_silence > 0
                    due = event.speech_duration - heard >= INTERIM_EVERY
                    if due and not pausing and (interim is None or interim.done()):
                        heard = event.speech_duration
                        interim = asyncio.create_task(self._interim(list(event.frames)))
                elif event.type is VADEventType.END_OF_SPEECH:
                    await _finish(interim)
                    await self._final(event)
        finally:
            await utils.aio.cancel_and_wait(forward, *([interim] if interim is not None else []))
            await activity.aclose()

    async def _forward(self, activity: Any) -> None:
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                activity.flush()
            else:
                activity.push_frame(item)
        activity.end_input()

    async def _interim(self, frames: list[rtc.AudioFrame]) -> None:
        if not frames:
            return
        text = await transcribe(utils.merge_frames(frames))
        if text:
            self._event_ch.send_nowait(_event(stt.SpeechEventType.INTERIM_TRANSCRIPT, text))

    async def _final(self, event: Any) -> None:
        self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.END_OF_SPEECH))
        text = await transcribe(utils.merge_frames(event.frames))
        if text:
            self._event_ch.send_nowait(_event(stt.SpeechEventType.FINAL_TRANSCRIPT, text))


async def _finish(task: asyncio.Task[None] | None) -> None:
    """An interim on its way would arrive after the final and take its core."""
    if task is not None and not task.done():
        with contextlib.suppress(Exception):
            await task


async def transcribe(frame: rtc.AudioFrame) -> str:
    """The words in a frame of any rate and length."""
    samples = normalise(np.frombuffer(frame.data, np.int16))
    if frame.num_channels > 1:
        samples = samples.reshape(-1, frame.num_channels).mean(axis=1, dtype=np.float32)
    return await asyncio.to_thread(models.recognise, resample(samples, frame.sample_rate))


def resample(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Samples at Whisper's 16 kHz, by libsoxr through the LiveKit SDK."""
    if rate == models.WHISPER_RATE:
        return samples
    resampler = rtc.AudioResampler(rate, models.WHISPER_RATE, quality=rtc.AudioResamplerQuality.HIGH)
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    frames = resampler.push(bytearray(pcm.tobytes())) + resampler.flush()
    joined = b"".join(bytes(frame.data) for frame in frames)
    return normalise(np.frombuffer(joined, np.int16))


def normalise(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 samples as floats between -1 and 1."""
    return pcm.astype(np.float32) / np.float32(32768)


def _event(kind: stt.SpeechEventType, text: str) -> stt.SpeechEvent:
    return stt.SpeechEvent(type=kind, alternatives=[stt.SpeechData(text=text, language=LanguageCode("en"))])

"""Piper behind livekit-agents' TTS interface. Each sentence is spoken as soon as it is there.

piper-tts carries espeak-ng and is GPL-3: it is an optional extra, and this file is all that touches it.
"""

import asyncio
from collections.abc import Iterator

from livekit.agents import APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from piper import SynthesisConfig

from . import models


def synthesise(text: str, *, steady: bool = False) -> Iterator[bytes]:
    """int16 mono PCM, a sentence at a time, at `sample_rate()`. Blocking: call it in a thread.

    Piper draws at random how a sentence is said; `steady` always says it in the same way.
    """
    how = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0) if steady else None
    for chunk in models.piper().synthesize(text, how):
        yield chunk.audio_int16_bytes


def sample_rate() -> int:
    """Piper's rate in Hz."""
    return int(models.piper().config.sample_rate)


class PiperTTS(tts.TTS[str]):
    """Text to speech on this machine."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=sample_rate(), num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _PiperStream(tts=self, input_text=text, conn_options=conn_options)


class _PiperStream(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=sample_rate(), num_channels=1, mime_type="audio/pcm"
        )
        sentences = synthesise(self._input_text)
        while True:
            pcm = await asyncio.to_thread(next, sentences, None)
            if pcm is None:
                break
            output_emitter.push(pcm)
        output_emitter.flush()

"""LiveKit's transcriptions, as its text streams bring them: whose words they are, and which version is the last.

Source: https://docs.livekit.io/agents/build/text/ (topic `lk.transcription`, and its attributes). A person's words come
as a new stream for each version, with all of the text in it; the voicebot's as one stream, whose end is the end of the
words. Some agents mark all of their streams as not final.
"""

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc

from bot.provider import Role, Utterance
from bot.task_failures import log_failure

log = logging.getLogger(__name__)

TOPIC = "lk.transcription"
SEGMENT, TRACK, FINAL = "lk.segment_id", "lk.transcribed_track_id", "lk.transcription_final"
#: Characters of one line: minutes of speech. What is longer is cut.
MAX_CHARACTERS = 8000
_MAX_NAME = 128
#: Streams that are read at once; a voicebot speaks in one.
MAX_STREAMS = 32
#: Seconds after which a voicebot's version that nothing followed was the last one.
FINAL_AFTER = 1.5

_Key = tuple[str, Role, str]


class TextStreams:
    """Reads a room's text streams and hands each version on to `emit`, with the identity of who sent it. Lives on the
    media loop."""

    def __init__(self, emit: Callable[[Utterance, str], None], is_ours: Callable[[str | None, str], bool]) -> None:
        """`is_ours` says of a track's sid, if a stream names one, and a sender's identity whether what was said came
        from the microphone track that we publish."""
        self._emit = emit
        self._is_ours = is_ours
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsettled: dict[_Key, asyncio.TimerHandle] = {}

    def take(self, reader: rtc.TextStreamReader, identity: str) -> None:
        """Read a text stream that has begun."""
        if len(self._tasks) >= MAX_STREAMS:
            reader.close()
            return
        task = asyncio.create_task(self._read(reader, identity), name="room text stream")
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def stop(self) -> None:
        """Hand on nothing from now on."""
        for timer in self._unsettled.values():
            timer.cancel()
        self._unsettled.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text, whole = await _text_of(reader)
        attributes = reader.info.attributes or {}
        role: Role = "user" if self._is_ours(attributes.get(TRACK), identity) else "voicebot"
        segment = attributes.get(SEGMENT) or None
        if segment is not None and len(segment) > _MAX_NAME:
            segment = None
        said = attributes.get(FINAL)
        if role == "user" and not whole:
            return  # the version before it stands, or another one comes
        final = said != "false" or (role == "voicebot" and (segment is None or not whole))
        utterance = Utterance(role, text, final, segment)
        if segment is not None:
            key = (identity, role, segment)
            if (waiting := self._unsettled.pop(key, None)) is not None:
                waiting.cancel()
            if not final and role == "voicebot" and len(self._unsettled) < MAX_STREAMS:
                last = Utterance(role, text, True, segment)
                self._unsettled[key] = asyncio.get_running_loop().call_later(FINAL_AFTER, self._settle, key, last)
        self._emit(utterance, identity)

    def _settle(self, key: _Key, last: Utterance) -> None:
        self._unsettled.pop(key, None)
        self._emit(last, key[0])

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        log_failure(log, task, "a text stream could not be read")


async def _text_of(reader: rtc.TextStreamReader) -> tuple[str, bool]:
    """Read what a stream says, up to `MAX_CHARACTERS`, and whether it came to its end: an agent may leave within it."""
    pieces: list[str] = []
    length = 0
    try:
        async for chunk in reader:
            pieces.append(chunk[: MAX_CHARACTERS - length])
            length += len(pieces[-1])
            if length >= MAX_CHARACTERS:
                break
    except ConnectionError:  # LiveKit's StreamError is one
        return "".join(pieces), False
    finally:
        reader.close()
    return "".join(pieces), True

"""A process that runs voicebots for someone else, over its standard streams, one JSON object per line.

In:  {"command": "join", "session": ID, "url": U, "token": T, "greet": false, "transcription": true, "ears": true}
     {"command": "say", "session": ID, "text": TEXT, "image": KEY?}
     {"command": "send", "session": ID, "payload": TEXT}      a data packet from the voicebot itself
     {"command": "leave", "session": ID}
Out: {"event": "ready"}, and with "session": ID
     {"event": "said", "role": "user" | "assistant", "text": TEXT, "final": BOOL}, {"event": "showed", "key": KEY},
     {"event": "state", "state": STATE}, {"event": "failed", "error": TEXT}, {"event": "left"}

The end of the input ends the process and every voicebot in it.
"""

import asyncio
import json
import sys
from typing import Any

from . import models
from .dialogue import Reply
from .voicebot import Event, Said, Showed, Voicebot


class Worker:
    """All voicebots of this process, by session."""

    def __init__(self, *, ears: bool = True) -> None:
        """With `ears` it loads what they need before it is ready."""
        self._ears = ears
        self._voicebots: dict[str, Voicebot] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Read commands until the input ends."""
        await asyncio.to_thread(_warm_up, self._ears)
        reader = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        _write({"event": "ready"})
        while line := await reader.readline():
            await self._command(json.loads(line))
        for voicebot in self._voicebots.values():
            voicebot.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _command(self, message: dict[str, Any]) -> None:
        session = str(message["session"])
        if message["command"] == "join":
            self._tasks[session] = asyncio.create_task(self._serve(session, message))
            return
        voicebot = self._voicebots.get(session)
        if voicebot is None:
            return
        if message["command"] == "say":
            voicebot.say(Reply(message["text"], message.get("image")))
        elif message["command"] == "send":
            await voicebot.send(message["payload"].encode())
        elif message["command"] == "leave":
            voicebot.stop()

    async def _serve(self, session: str, message: dict[str, Any]) -> None:
        voicebot = self._voicebots[session] = Voicebot(lambda event: _write(_report(session, event)))
        try:
            await voicebot.join(
                message["url"],
                message["token"],
                greet=bool(message.get("greet")),
                transcription=bool(message.get("transcription", True)),
                ears=bool(message.get("ears", True)),
            )
            await voicebot.wait()
        except Exception as error:
            _write({"event": "failed", "session": session, "error": f"{type(error).__name__}: {error}"})
        finally:
            await voicebot.leave()
            self._voicebots.pop(session, None)
            self._tasks.pop(session, None)
            _write({"event": "left", "session": session})


def _warm_up(ears: bool) -> None:
    """Load the models, so that the first question is not slower than the others."""
    if ears:
        models.vad()
        models.whisper()
    list(models.piper().synthesize("Ready."))


def _report(session: str, event: Event) -> dict[str, Any]:
    if isinstance(event, Said):
        body = {"event": "said", "role": event.role, "text": event.text, "final": event.final}
    elif isinstance(event, Showed):
        body = {"event": "showed", "key": event.key}
    else:
        body = {"event": "state", "state": event.state}
    return {**body, "session": session}


def _write(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()

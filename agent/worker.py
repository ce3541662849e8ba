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

#: What a voicebot is told, in order.
Wishes = asyncio.Queue[dict[str, Any]]


class Worker:
    """All voicebots of this process, by session."""

    def __init__(self, *, ears: bool = True) -> None:
        """With `ears` it loads what they need before it is ready."""
        self._ears = ears
        self._voicebots: dict[str, tuple[Voicebot, Wishes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read commands until the input ends."""
        await asyncio.to_thread(_warm_up, self._ears)
        reader = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        _write({"event": "ready"})
        while line := await reader.readline():
            self.command(json.loads(line))
        for voicebot, _ in self._voicebots.values():
            voicebot.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def command(self, message: dict[str, Any]) -> None:
        """Take one command. What a voicebot is told while it joins is done once it is there. What one of them cannot do
        is a failure of its own, and the others go on."""
        session = str(message["session"])
        if message["command"] == "join":
            voicebot, wishes = Voicebot(lambda event: _write(_report(session, event))), Wishes()
            self._voicebots[session] = voicebot, wishes
            serving = asyncio.create_task(self._serve(session, message, voicebot, wishes), name=f"session {session}")
            self._tasks.add(serving)
            serving.add_done_callback(self._tasks.discard)
            return
        present = self._voicebots.get(session)
        if present is None:
            return
        voicebot, wishes = present
        if message["command"] == "leave":
            voicebot.stop()
        else:
            wishes.put_nowait(message)

    async def _serve(self, session: str, message: dict[str, Any], voicebot: Voicebot, wishes: Wishes) -> None:
        obeying: asyncio.Task[None] | None = None
        try:
            await voicebot.join(
                message["url"],
                message["token"],
                greet=bool(message.get("greet")),
                transcription=bool(message.get("transcription", True)),
                ears=bool(message.get("ears", True)),
            )
            obeying = asyncio.create_task(_obey(session, voicebot, wishes), name=f"wishes of {session}")
            await voicebot.wait()
        except Exception as error:
            _write_failure(session, error)
        finally:
            if obeying is not None:
                obeying.cancel()
                await asyncio.gather(obeying, return_exceptions=True)
            await voicebot.leave()
            present = self._voicebots.get(session)
            if present is not None and present[0] is voicebot:  # or another one of the same session is there by now
                del self._voicebots[session]
            _write({"event": "left", "session": session})


async def _obey(session: str, voicebot: Voicebot, wishes: Wishes) -> None:
    """Do what a voicebot that has joined is told, in order, until cancelled."""
    while True:
        message = await wishes.get()
        try:
            if message["command"] == "say":
                voicebot.say(Reply(message["text"], message.get("image")))
            elif message["command"] == "send":
                await voicebot.send(message["payload"].encode())
        except Exception as error:
            _write_failure(session, error)


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


def _write_failure(session: str, error: Exception) -> None:
    _write({"event": "failed", "session": session, "error": f"{type(error).__name__}: {error}"})


def _write(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()

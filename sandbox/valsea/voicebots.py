"""The process that runs the voicebots, and the wire to it (see `agent/worker.py`)."""

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
START_TIMEOUT = 90.0  # seconds; it loads its speech models first


class VoicebotWorker:
    """One `python -m agent --worker`, shared by all sessions."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._listeners: dict[str, Callable[[Json], None]] = {}
        self._present: Counter[str] = Counter()  # voicebots of each session; one may leave while the next one joins

    async def start(self, log: Path | None = None, *, ears: bool = True) -> None:
        """Start it and wait until its models are loaded, those for hearing only for voicebots with `ears`; RuntimeError
        when it dies first."""
        with contextlib.ExitStack() as files:
            errors = files.enter_context(log.open("ab")) if log is not None else None
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "agent",
                "--worker",
                *([] if ears else ["--no-ears"]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=1 << 20,
                # Recognition must not starve the sound: it may use the cores only when nobody else wants them.
                preexec_fn=lambda: os.nice(5) and None,
            )
        self._reader = asyncio.create_task(self._read(), name="voicebot worker")
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait({ready, self._reader}, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if ready not in done:
            raise RuntimeError("the voicebot process did not start")

    async def stop(self) -> None:
        """Close its input, which ends it; kill it when it does not go."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    def join(
        self,
        session: str,
        url: str,
        token: str,
        listener: Callable[[Json], None],
        *,
        greet: bool,
        ears: bool,
        transcription: bool = True,
    ) -> None:
        """Send a voicebot into a room; `listener` gets its events. `transcription`: it publishes text streams too."""
        self._listeners[session] = listener
        self._present[session] += 1
        how = {"greet": greet, "ears": ears, "transcription": transcription}
        self._send({"command": "join", "session": session, "url": url, "token": token, **how})

    def say(self, session: str, text: str, image: str | None = None) -> None:
        self._send({"command": "say", "session": session, "text": text, "image": image})

    def send_packet(self, session: str, payload: str) -> None:
        self._send({"command": "send", "session": session, "payload": payload})

    def leave(self, session: str) -> None:
        self._send({"command": "leave", "session": session})

    def _send(self, body: Json) -> None:
        """RuntimeError when the process has ended by itself: nothing would come of anything any more."""
        if self._process is None or self._process.stdin is None:
            return
        if self._reader is not None and self._reader.done():
            raise RuntimeError("the voicebot process has ended; agent.log says why")
        self._process.stdin.write(json.dumps(body).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            body = json.loads(line)
            if body["event"] == "ready":
                self._ready.set()
                continue
            listener = self._listeners.get(body["session"])
            if listener is not None:
                listener(body)
            if body["event"] == "left":
                self._present[body["session"]] -= 1
                if not self._present[body["session"]]:
                    del self._present[body["session"]], self._listeners[body["session"]]

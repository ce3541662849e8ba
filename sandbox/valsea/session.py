"""One session of the provider: its room, its voicebot, what was said, and the packets it sends into the room.

The packets have the form Valsea's own sample client reads; they go through LiveKit's server API, so they arrive without
a sender, as such packets do.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from .behaviour import ValseaBehaviour
from .meter import Organisation

Json = dict[str, Any]

#: How a picture is announced: resolved to an address, by key alone, or as a tag inside a line.
ImageForm = Literal["url", "key", "tag"]


@dataclass(slots=True)
class Session:
    """A session from POST to DELETE."""

    id: str
    room: str
    voicebot: str
    organisation: Organisation
    send_packet: Callable[[str, bytes], None]
    image_url: Callable[[str], str]
    image_form: ImageForm = "key"
    behaviour: ValseaBehaviour = field(default_factory=ValseaBehaviour)
    participant: str = ""  # the name of who asked for it
    opened_at: float = field(default_factory=time.monotonic)
    messages: list[Json] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    errors: list[str] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)  # monotonic times of final lines of people

    def on_voicebot(self, event: Json) -> None:
        """The voicebot reports: pass it on into the room and remember what was said."""
        kind = event["event"]
        if kind == "said":
            self._said(event["role"], event["text"], event["final"])
        elif kind == "showed":
            self._showed(event["key"])
        elif kind == "state":
            self.states.append(event["state"])
            if event["state"] == "listening":
                self.arrived.set()
        elif kind == "failed":
            self.errors.append(event["error"])

    def said(self, role: str) -> list[str]:
        """All finished lines of a role ("user", "assistant")."""
        return [message["content"] for message in self.messages if message["role"] == role]

    def _said(self, role: str, text: str, final: bool) -> None:
        if self.behaviour.packets:
            self._packet(self.behaviour.packet(role, text, final))
        if self.behaviour.chatter:
            for body in ({"type": "metrics", "latency": 12}, {"type": "state", "text": "thinking"}, {}, {"type": None}):
                self._packet(body)
        if final:
            if role == "user":
                self.heard_at.append(time.monotonic())
            now = datetime.now(UTC).isoformat()
            number = len(self.messages) + 1
            self.messages.append({"id": f"m{number}", "role": role, "content": text, "createdAt": now})

    def _showed(self, key: str) -> None:
        if self.image_form == "tag":
            self._packet({"type": "message", "text": f"<img>IMG:{key}</img>"})
        elif self.image_form == "url":
            self._packet({"type": "images", "images": [{"key": key, "url": self.image_url(key)}]})
        else:
            self._packet({"type": "images", "images": [{"key": key}]})

    def _packet(self, body: Json) -> None:
        self.send_packet(self.room, json.dumps(body).encode())

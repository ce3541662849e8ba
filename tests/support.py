"""What several tests need: waiting for something to become true, and reading a channel."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.plugin_host.discovery import NAMESPACE
from sandbox.discord.model import BotAccount
from sandbox.people.person import Person
from sandbox.stage import BotProcess, Place, Stage
from sandbox.valsea.meter import Organisation
from sandbox.valsea.session import Session

Json = dict[str, Any]


async def happens(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether a condition comes to hold within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def eventually(condition: Callable[[], bool], timeout: float = 10, what: str = "") -> None:
    """Wait until a condition holds; AssertionError after `timeout` seconds."""
    if not await happens(condition, timeout):
        raise AssertionError(what or "it did not happen in time")


def forget_plugins() -> None:
    """Plugins of one name in several folders: what is imported next is read anew."""
    for name in [name for name in sys.modules if name.startswith(f"{NAMESPACE}.")]:
        del sys.modules[name]


@dataclass(slots=True)
class RunningBot:
    """A bot process on the stage, and the organisation that pays for it."""

    stage: Stage
    account: BotAccount
    key: str
    process: BotProcess

    @property
    def organisation(self) -> Organisation:
        return self.stage.valsea.organisations[self.key]

    def place(self, *names: str) -> Place:
        return self.stage.place(self.account, *(names or ("Ann",)))

    async def command(self, place: Place, by: Person, command: str, **options: Any) -> str:
        return await self.stage.command(self.account, place, by, command, **options)

    async def start_call(self, place: Place, *, arrived: bool = True) -> Session:
        """Everybody joins voice, the first person brings the bot; the provider's session."""
        for person in place.people:
            if person.voice is None:
                await person.join(place.guild_id, place.voice_id)
        before = set(self.stage.valsea.sessions)
        reply = await self.command(place, place.people[0], "voicebot join")
        new = [s for room, s in self.stage.valsea.sessions.items() if room not in before]
        mine = [session for session in new if session.organisation is self.organisation]
        assert mine, f"no session was opened: {reply}"
        if arrived:
            async with asyncio.timeout(30):
                await mine[0].arrived.wait()
        return mine[0]

    def posts(self, place: Place) -> list[Json]:
        return self.stage.discord.world.messages(place.text_id)

    def receipts(self, place: Place) -> list[str]:
        """The descriptions of the receipts in the channel."""
        embeds = [embed for message in self.posts(place) for embed in message["embeds"]]
        return [str(e["description"]) for e in embeds if "ended" in (e.get("title") or "")]

    async def request_session(self, place: Place) -> Session:
        """Someone types the command; the session the moment the provider has opened it, whatever the bot knows."""
        for person in place.people:
            if person.voice is None:
                await person.join(place.guild_id, place.voice_id)
        before = set(self.organisation.meters)
        self.stage.discord.slash(self.account, place.guild_id, place.text_id, place.people[0].user_id, "voicebot join")
        await eventually(lambda: len(self.organisation.meters) > len(before), 20, "no session was opened")
        (room,) = set(self.organisation.meters) - before
        return self.stage.valsea.sessions[room]

    def requests_to(self, method: str, session: Session | None = None) -> int:
        """How many requests the provider had, for one session's room or to open any."""
        path = "/v1/voicebot-livekit/session" + ("" if session is None else f"/{session.room}")
        return sum(1 for m, p, _ in self.stage.valsea.requests if (m, p) == (method, path))

    def bills(self, session: Session) -> bool:
        """Whether the provider's meter runs for a session."""
        return session.room in self.organisation.running()

    async def expect_end(self, place: Place, session: Session, reason: str, *, within: float = 10) -> None:
        """The session is ended at the provider's meter, once, and the channel says why, once."""
        await eventually(lambda: not self.bills(session), within, f"still billed; log: {self.log()[-3000:]}")
        await eventually(lambda: len(self.receipts(place)) == 1, within, f"no receipt; log: {self.log()[-3000:]}")
        assert reason in self.receipts(place)[0], f"{self.receipts(place)}; log: {self.log()[-3000:]}"
        assert self.requests_to("DELETE", session) == 1

    def voice_sockets(self) -> int:
        """How many UDP sockets to the voice server the bot's process holds. Linux: /proc/net/udp, proc(5)."""
        assert self.process.process is not None
        pid = self.process.process.pid
        peer = f"0100007F:{self.stage.discord.voice.udp_port:04X}"
        rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
        inodes = {f"socket:[{row[9]}]" for row in rows if row[2] == peer}
        held = 0
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed while we were looking
                held += os.readlink(descriptor) in inodes
        return held

    def log(self) -> str:
        return self.process.log.read_text()

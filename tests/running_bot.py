"""A bot process on the stage, as tests of calls use it."""

import asyncio
import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from sandbox.discord.model import BotAccount
from sandbox.livekit.observer import RoomObserver
from sandbox.people.person import Person
from sandbox.stage import BotProcess, Place, Stage
from sandbox.valsea.faults import Fault
from sandbox.valsea.meter import Organisation
from sandbox.valsea.session import Session
from tests.support import eventually

Json = dict[str, Any]
#: Root mean square above which a frame holds something that was said.
LOUD = 300.0


@dataclass(slots=True)
class RunningBot:
    """A bot process on the stage, and the organisation that pays for it."""

    stage: Stage
    account: BotAccount
    key: str
    process: BotProcess
    #: Rooms of sessions that were opened before the test began, when the bot has served others.
    earlier: frozenset[str] = frozenset()
    places: list[Place] = field(default_factory=list)

    @property
    def organisation(self) -> Organisation:
        return self.stage.valsea.organisations[self.key]

    @property
    def opened(self) -> list[str]:
        """Rooms of the sessions that were opened in this test."""
        return [room for room in self.organisation.meters if room not in self.earlier]

    @property
    def running(self) -> list[str]:
        """Rooms of those among them that bill."""
        return [room for room in self.organisation.running() if room not in self.earlier]

    def place(self, *names: str) -> Place:
        place = self.stage.place(self.account, *(names or ("Ann",)))
        self.places.append(place)
        return place

    async def place_with(self, *names: str, **settings: object) -> Place:
        """A place whose server has settings of its own."""
        place = self.place(*names)
        await self.set_up(place, **settings)
        return place

    async def set_up(self, place: Place, **settings: object) -> None:
        """Write a server's own file, as an operator does, and wait until it is in force."""
        file = self.process.config_file.parent / "servers" / f"{place.guild_id}.yaml"
        file.parent.mkdir(exist_ok=True)
        already = len(self.log())
        file.write_text(yaml.safe_dump(settings))
        await eventually(lambda: f"config: servers.{place.guild_id}" in self.log()[already:], 10, self.log()[-3000:])

    def plan(self, *faults: Fault) -> None:
        """Plan what goes wrong with the next requests of this bot; watchdogs of earlier bots may still send theirs."""
        for fault in faults:
            self.stage.valsea.faults.add(replace(fault, key=self.key))

    async def end_calls(self) -> None:
        """Everybody of this test leaves voice, and no session of it bills any more."""
        for person in (person for place in self.places for person in place.people if person.voice is not None):
            await person.leave()
        await eventually(lambda: not self.running, 45, "a call goes on though nobody is in its channel")

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

    async def observe(self, session: Session) -> RoomObserver:
        """Record a call's room from now on. Returns when what people say there is recorded: whoever speaks before the
        track is subscribed to is not heard by others in the room."""
        observer = RoomObserver()
        await observer.join(self.stage.livekit, session.room)
        await eventually(lambda: len(observer.of(agent=False)) > 10, 15, "nothing of the bot's track arrives")
        return observer

    async def all_recorded(self, observer: RoomObserver) -> None:
        """Wait until what was said has arrived in the room to its end: a third of a second of silence behind it."""
        await eventually(lambda: observer.quiet_frames(LOUD) > 16, 10, "it does not become quiet in the room")

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
        """How many UDP sockets to the voice server the bot's process holds."""
        return len(self._voice_sockets())

    def dropped_by_the_system(self) -> int:
        """Datagrams that came faster than the bot's process has read them from those sockets."""
        return sum(int(row[-1]) for row in self._voice_sockets())

    def _voice_sockets(self) -> list[list[str]]:
        """Their rows in /proc/net/udp, proc(5); Linux."""
        assert self.process.process is not None
        pid = self.process.process.pid
        peer = f"0100007F:{self.stage.discord.voice.udp_port:04X}"
        rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
        inodes = {f"socket:[{row[9]}]": row for row in rows if row[2] == peer}
        held = set()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed while we were looking
                held.add(os.readlink(descriptor))
        return [row for name, row in inodes.items() if name in held]

    def log(self) -> str:
        return self.process.log.read_text()

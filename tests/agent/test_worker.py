"""Several voicebots in one process: what becomes of one of them is nothing to the others."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from agent import worker
from agent.dialogue import Reply
from agent.worker import Worker
from tests.support import eventually


class FakeVoicebot:
    """Joins when it is let in, and does what it is told, or fails at it."""

    def __init__(self, report: Callable[[Any], None]) -> None:
        self.let_in = asyncio.Event()
        self.done = asyncio.Event()
        self.fails = False
        self.did: list[str] = []

    async def join(self, url: str, token: str, **_: Any) -> None:
        await self.let_in.wait()

    def say(self, reply: Reply) -> None:
        assert self.let_in.is_set()
        self.did.append(f"said {reply.text}")

    async def send(self, payload: bytes) -> None:
        if self.fails:
            raise RuntimeError("the room is gone")
        self.did.append(f"sent {payload.decode()}")

    def stop(self) -> None:
        self.done.set()

    async def wait(self) -> None:
        await self.done.wait()

    async def leave(self) -> None:
        self.did.append("left")


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> list[FakeVoicebot]:
    """All voicebots that were made, in the order of their making."""
    made: list[FakeVoicebot] = []

    def make(report: Callable[[Any], None]) -> FakeVoicebot:
        made.append(FakeVoicebot(report))
        return made[-1]

    monkeypatch.setattr(worker, "Voicebot", make)
    return made


def _tell(one: Worker, session: str, command: str, **more: str) -> None:
    one.command({"command": command, "session": session, **more})


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_one_that_cannot_send_is_a_failure_of_its_own(
    crew: list[FakeVoicebot], capsys: pytest.CaptureFixture[str]
) -> None:
    one = Worker(ears=False)
    for session in ("a", "b"):
        _tell(one, session, "join", url="u", token="t")
    for voicebot in crew:
        voicebot.let_in.set()
    crew[0].fails = True
    for session in ("a", "b"):
        _tell(one, session, "send", payload="p")
        _tell(one, session, "say", text="hello")
    await eventually(lambda: crew[0].did == ["said hello"] and crew[1].did == ["sent p", "said hello"])
    assert _events(capsys) == [{"event": "failed", "session": "a", "error": "RuntimeError: the room is gone"}]
    for session in ("a", "b"):
        _tell(one, session, "leave")
    await eventually(lambda: all(voicebot.did[-1] == "left" for voicebot in crew))
    await eventually(lambda: not one._tasks)


async def test_what_it_is_told_while_it_joins_it_does_when_it_is_there(crew: list[FakeVoicebot]) -> None:
    one = Worker(ears=False)
    _tell(one, "a", "join", url="u", token="t")
    _tell(one, "a", "say", text="hello")
    await asyncio.sleep(0.01)
    assert crew[0].did == []
    crew[0].let_in.set()
    await eventually(lambda: crew[0].did == ["said hello"])
    _tell(one, "a", "leave")
    await eventually(lambda: not one._tasks)


async def test_another_one_of_the_same_session_is_told_what_comes_then(crew: list[FakeVoicebot]) -> None:
    """An agent that restarts: the first may still be leaving."""
    one = Worker(ears=False)
    _tell(one, "a", "join", url="u", token="t")
    crew[0].let_in.set()
    await asyncio.sleep(0)
    _tell(one, "a", "leave")
    _tell(one, "a", "join", url="u", token="t")
    crew[1].let_in.set()
    await eventually(lambda: crew[0].did == ["left"])
    _tell(one, "a", "say", text="hello")
    await eventually(lambda: crew[1].did == ["said hello"])
    _tell(one, "a", "leave")
    await eventually(lambda: not one._tasks)


async def test_a_session_that_nobody_joined_is_told_nothing(crew: list[FakeVoicebot]) -> None:
    _tell(Worker(ears=False), "a", "say", text="hello")
    assert crew == []

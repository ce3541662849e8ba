"""Every command to a call's sound is carried out in the media loop, and every event of it arrives in the main loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.call.connection.media import CallMedia, MediaEngine
from bot.media.events import MediaEvent, VoiceResumed
from bot.media.report import SoundReport
from bot.media.settings import SoundSettings

SETTINGS = cast(Any, SimpleNamespace(bitrate_kbps=64))
CHANNEL = cast(Any, SimpleNamespace(id=1, bitrate=32_000))


class Thread:
    """A loop in a thread of its own, as the media loop is."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def post(self, command: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(command)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Session:
    """Notes what it was told, and in which thread."""

    def __init__(self, sound: SoundSettings, read: object, post: Callable[[MediaEvent], None], _: object) -> None:
        self.post = post
        self.told: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    def _note(self, *what: Any) -> None:
        self.told.append(what)
        self.threads.add(threading.get_ident())

    async def report(self) -> SoundReport:
        self._note("report")
        return SoundReport(packets_heard=7)

    def __getattr__(self, name: str) -> Any:
        if name in ("set_bitrate", "set_bots", "set_interrupters"):
            return lambda *arguments: self._note(name, *arguments)

        async def command(*arguments: Any) -> None:
            self._note(name, *arguments)
            if name == "add_tap":
                arguments[0].close()

        return command


@pytest.fixture
async def thread() -> AsyncIterator[Thread]:
    thread = Thread()
    yield thread
    thread.stop()


def _media(thread: Thread, events: list[tuple[int, MediaEvent]]) -> tuple[CallMedia, Session]:
    made: list[Session] = []

    def make(*arguments: Any) -> Any:
        made.append(Session(*arguments))
        return made[-1]

    media = CallMedia(
        CHANNEL,
        SETTINGS,
        SoundSettings(),
        MediaEngine(cast(Any, thread), make),
        read_packet=lambda _: (),
        on_event=lambda event: events.append((threading.get_ident(), event)),
        on_voice_update=lambda _: None,
    )
    return media, made[0]


async def test_commands_are_carried_out_in_the_media_loop(thread: Thread) -> None:
    media, session = _media(thread, [])
    await media.join_room("wss://room", "token")
    await media.join_echo()
    await media.set_consent(5, False)
    media.set_bots(frozenset({6}))
    media.set_interrupters(None)
    media.voice.retune()
    assert (await media.report()).packets_heard == 7
    tap = await media.listen()
    assert [sound async for sound in tap] == []
    await media.leave_room()
    await media.close()
    told = [what if what[0] != "add_tap" else ("add_tap",) for what in session.told]
    assert told == [
        ("join_room", "wss://room", "token"),
        ("join_echo",),
        ("set_consent", 5, False),
        ("set_bots", frozenset({6})),
        ("set_interrupters", None),
        ("set_bitrate", 32_000),
        ("report",),
        ("add_tap",),
        ("leave_room",),
        ("close",),
    ]
    assert session.threads == {thread.thread.ident}


async def test_events_arrive_in_the_main_loop_in_order(thread: Thread) -> None:
    events: list[tuple[int, MediaEvent]] = []
    _, session = _media(thread, events)
    first, second = VoiceResumed(), VoiceResumed()
    thread.post(lambda: session.post(first))
    thread.post(lambda: session.post(second))
    async with asyncio.timeout(5):
        while len(events) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert [event for _, event in events] == [first, second]
    assert {ident for ident, _ in events} == {threading.get_ident()}

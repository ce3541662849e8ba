"""Plugins are told in order, and none can harm a call."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bot.call.events import TranscriptLine
from bot.errors import Refused
from bot.plugin_host import hooks
from bot.plugin_host.hooks import HookDispatcher

CALL: Any = SimpleNamespace(id="c1", guild_id=7, closing=None)


@dataclass
class Recorder:
    """A plugin that notes what it is told; `behave` may raise or hang."""

    name: str = "recorder"
    behave: Any = None
    behave_at_end: Any = None
    on: bool = True
    told: list[str] = field(default_factory=list)
    veto: str | None = None

    def enabled(self, guild_id: int) -> bool:
        return self.on

    async def on_call_starting(self, call: Any) -> str | None:
        if self.behave is not None:
            await self.behave()
        return self.veto

    async def on_transcript(self, call: Any, line: TranscriptLine) -> None:
        self.told.append(line.text)
        if self.behave is not None:
            await self.behave()

    async def on_call_ended(self, receipt: Any) -> None:
        self.told.append("ended")
        if self.behave_at_end is not None:
            await self.behave_at_end()


def _dispatcher(*plugins: Recorder) -> HookDispatcher:
    return HookDispatcher(lambda: plugins)  # type: ignore[arg-type, return-value]


def _say(dispatcher: HookDispatcher, *texts: str) -> None:
    for text in texts:
        dispatcher.transcript(CALL, TranscriptLine("user", text, True))


async def _end(dispatcher: HookDispatcher, call: Any = CALL) -> bool:
    await dispatcher.finished(call)
    receipt: Any = SimpleNamespace(session_id=call.id, guild_id=call.guild_id)
    return await dispatcher.ended(receipt)


async def test_everything_comes_in_order_and_the_end_last() -> None:
    plugin = Recorder()
    dispatcher = _dispatcher(plugin)
    await dispatcher.starting(CALL)
    _say(dispatcher, "one", "two", "three")
    await _end(dispatcher)
    assert plugin.told == ["one", "two", "three", "ended"]


async def test_a_veto_refuses_the_call() -> None:
    with pytest.raises(Refused, match="quiet hours"):
        await _dispatcher(Recorder(), Recorder(veto="quiet hours")).starting(CALL)


async def test_a_plugin_that_hangs_at_the_start_refuses_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "VETO_TIMEOUT", 0.05)
    with pytest.raises(Refused, match="did not answer"):
        await _dispatcher(Recorder(behave=lambda: asyncio.sleep(9))).starting(CALL)


async def test_a_plugin_that_fails_at_the_start_refuses_the_call() -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(Refused, match="failed"):
        await _dispatcher(Recorder(behave=fail)).starting(CALL)


async def test_one_that_fails_at_every_start_is_asked_no_more_for_a_while() -> None:
    """It would refuse every call of its server for ever."""

    async def fail() -> None:
        raise ValueError

    bad, good = Recorder("bad", behave=fail), Recorder("good")
    dispatcher = _dispatcher(bad, good)
    for _ in range(hooks.FAILURES):
        with pytest.raises(Refused, match="`bad` failed"):
            await dispatcher.starting(CALL)
    assert dispatcher.paused(CALL.guild_id, "bad")
    await dispatcher.starting(CALL)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert good.told == ["one", "ended"]
    dispatcher.forgive("bad")
    with pytest.raises(Refused, match="`bad` failed"):
        await dispatcher.starting(CALL)


async def test_one_that_raises_does_not_keep_the_others_from_hearing() -> None:
    async def fail() -> None:
        raise ValueError("bug")

    bad, good = Recorder("bad"), Recorder("good")
    dispatcher = _dispatcher(bad, good)
    await dispatcher.starting(CALL)
    bad.behave = fail
    _say(dispatcher, "one", "two")
    await _end(dispatcher)
    assert good.told == ["one", "two", "ended"]


async def test_three_failures_in_a_minute_pause_it_on_that_server() -> None:
    async def fail() -> None:
        raise ValueError("bug")

    bad = Recorder("bad")
    dispatcher = _dispatcher(bad)
    await dispatcher.starting(CALL)
    bad.behave = fail
    _say(dispatcher, "one", "two", "three", "four")
    await _end(dispatcher)
    assert bad.told == ["one", "two", "three", "ended"]  # a receipt is not kept from anyone
    bad.behave = None
    elsewhere: Any = SimpleNamespace(id="c2", guild_id=8, closing=None)
    await dispatcher.starting(elsewhere)
    dispatcher.transcript(elsewhere, TranscriptLine("user", "five", True))
    await _end(dispatcher, elsewhere)
    assert bad.told[-2:] == ["five", "ended"]


async def test_one_that_hangs_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "HOOK_TIMEOUT", 0.05)
    slow, good = Recorder("slow"), Recorder("good")
    dispatcher = _dispatcher(slow, good)
    await dispatcher.starting(CALL)
    slow.behave = lambda: asyncio.sleep(9)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert good.told == ["one", "ended"]


async def test_where_it_is_off_it_hears_nothing() -> None:
    off = Recorder(on=False)
    dispatcher = _dispatcher(off)
    await dispatcher.starting(CALL)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert off.told == []


async def test_interims_go_first_when_a_plugin_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "QUEUE_LIMIT", 3)
    plugin = Recorder()
    dispatcher = _dispatcher(plugin)
    await dispatcher.starting(CALL)
    for number in range(10):
        dispatcher.transcript(CALL, TranscriptLine("user", f"interim {number}", False))
    _say(dispatcher, "final")
    await _end(dispatcher)
    assert plugin.told == ["interim 0", "interim 1", "interim 2", "final", "ended"]


async def test_a_call_that_never_became_live_leaves_nothing_behind() -> None:
    dispatcher = _dispatcher(Recorder())
    await dispatcher.starting(CALL)
    await dispatcher.finished(CALL)
    assert dispatcher._workers == {}
    await dispatcher.finished(CALL)


async def test_a_receipt_is_brought_again_to_those_that_failed_and_to_nobody_else() -> None:
    async def fail() -> None:
        raise OSError("Discord is down")

    bad, good = Recorder("bad", behave_at_end=fail), Recorder("good")
    dispatcher = _dispatcher(bad, good)
    assert not await _end(dispatcher)
    bad.behave_at_end = None
    assert await _end(dispatcher)
    assert (bad.told, good.told) == (["ended", "ended"], ["ended"])


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), KeyError("x")])
async def test_whatever_one_raises_the_others_hear_on(error: BaseException) -> None:
    async def harm() -> None:
        raise error

    bad, good = Recorder("bad", behave=None), Recorder("good")
    dispatcher = _dispatcher(bad, good)
    await dispatcher.starting(CALL)
    bad.behave = bad.behave_at_end = harm
    _say(dispatcher, "one", "two")
    assert not await _end(dispatcher)  # the receipt is owed to the bad one still
    assert good.told == ["one", "two", "ended"]


async def test_new_code_is_not_paused_for_the_failures_of_the_old() -> None:
    async def fails() -> None:
        raise ValueError("old")

    plugin = Recorder("bad")
    dispatcher = _dispatcher(plugin)
    await dispatcher.starting(CALL)
    plugin.behave = fails
    _say(dispatcher, "1", "2", "3", "4")
    await dispatcher.settled()
    assert dispatcher.paused(7, "bad")
    dispatcher.forgive("bad")
    plugin.behave = None
    _say(dispatcher, "5")
    await dispatcher.settled()
    assert plugin.told == ["1", "2", "3", "5"]
    await _end(dispatcher)

"""Plugins are told in order, and none can harm a call."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.call.events import LineSaid, TranscriptLine
from bot.errors import Refused
from bot.plugin_host import backlog, hooks
from bot.plugin_host.hooks import HookDispatcher
from bot.testing.discord_parts import refusal
from tests.support import eventually

CALL: Any = SimpleNamespace(id="c1", guild_id=7, closing=None)


@dataclass
class Recorder:
    """A plugin that notes what it is told; `behave` may raise or hang."""

    name: str = "recorder"
    behave: Any = None
    behave_at_end: Any = None
    on: bool = True
    vital: bool = False
    announces: bool = False
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

    async def on_warning(self, call: Any, text: str) -> None:
        self.told.append(text)

    async def on_call_ended(self, receipt: Any) -> None:
        self.told.append("ended")
        if self.behave_at_end is not None:
            await self.behave_at_end()


def _dispatcher(*plugins: Recorder) -> HookDispatcher:
    return HookDispatcher(lambda: plugins, announced=False)  # type: ignore[arg-type, return-value]


def _say(dispatcher: HookDispatcher, *texts: str) -> None:
    for text in texts:
        dispatcher.publish(CALL, LineSaid(TranscriptLine("user", text, True)))


async def _end(dispatcher: HookDispatcher, call: Any = CALL) -> bool:
    await dispatcher.finished(call)
    receipt: Any = SimpleNamespace(call_id=call.id, guild_id=call.guild_id)
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
    for _ in range(hooks.MAX_FAILURES):
        with pytest.raises(Refused, match="`bad` failed"):
            await dispatcher.starting(CALL)
    assert dispatcher.paused(CALL.guild_id, "bad")
    await dispatcher.starting(CALL)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert good.told == ["one", "ended"]
    dispatcher.reset_failures("bad")
    with pytest.raises(Refused, match="`bad` failed"):
        await dispatcher.starting(CALL)


async def test_a_receipt_that_is_given_up_keeps_no_instance() -> None:
    async def fail() -> None:
        raise ValueError

    released: list[None] = []
    bad: Any = Recorder(behave_at_end=fail)
    dispatcher = HookDispatcher(lambda: [bad], lambda: released.append(None), announced=False)
    call: Any = SimpleNamespace(id="c1", guild_id=7, closing=object())
    await dispatcher.starting(call)
    await dispatcher.finished(call)
    assert not await dispatcher.ended(cast(Any, SimpleNamespace(call_id="c1", guild_id=7)))
    assert dispatcher.uses(bad)
    dispatcher.forget("c1")
    assert not dispatcher.uses(bad)
    assert released == [None]


async def test_one_that_cannot_say_whether_it_is_on_is_off_and_harms_nobody() -> None:
    class Broken(Recorder):
        def enabled(self, guild_id: int) -> bool:
            raise KeyError(guild_id)

    bad, good = Broken("bad"), Recorder("good")
    dispatcher = _dispatcher(bad, good)
    await dispatcher.starting(CALL)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert (bad.told, good.told) == ([], ["one", "ended"])


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
    dispatcher.publish(elsewhere, LineSaid(TranscriptLine("user", "five", True)))
    await _end(dispatcher, elsewhere)
    assert bad.told[-2:] == ["five", "ended"]


async def test_one_that_hangs_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "HOOK_TIMEOUT", 0.3)
    slow, good = Recorder("slow"), Recorder("good")
    dispatcher = _dispatcher(slow, good)
    await dispatcher.starting(CALL)
    slow.behave = lambda: asyncio.sleep(9)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert good.told == ["one", "ended"]


async def test_a_slow_one_is_late_by_itself() -> None:
    slow, good = Recorder("slow"), Recorder("good")
    dispatcher = _dispatcher(slow, good)
    await dispatcher.starting(CALL)
    going_on = asyncio.Event()
    slow.behave = going_on.wait
    _say(dispatcher, "one", "two", "three")
    await eventually(lambda: good.told == ["one", "two", "three"])
    assert slow.told == ["one"]
    going_on.set()
    await _end(dispatcher)
    assert slow.told == ["one", "two", "three", "ended"]


async def test_one_that_is_too_far_behind_is_paused_and_people_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "BACKLOG_LIMIT", 3)
    slow, good = Recorder("slow"), Recorder("good")
    dispatcher = _dispatcher(slow, good)
    await dispatcher.starting(CALL)
    going_on = asyncio.Event()
    slow.behave = going_on.wait
    texts = [str(number) for number in range(10)]
    for text in texts:
        _say(dispatcher, text)
        await eventually(lambda text=text: text in good.told)  # type: ignore[misc]
    assert dispatcher.paused(7, "slow")
    assert not dispatcher.paused(7, "good")
    going_on.set()
    await _end(dispatcher)
    assert slow.told == ["0", "ended"]
    assert [told for told in good.told if "`slow` is too slow: 3 events" in told] != []
    assert [told for told in good.told if told in texts] == texts


async def test_a_call_is_over_although_a_plugin_has_not_heard_all_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backlog, "PACE_SECONDS", 0.05)
    slow, good = Recorder("slow"), Recorder("good")
    dispatcher = _dispatcher(slow, good)
    await dispatcher.starting(CALL)
    slow.behave = lambda: asyncio.sleep(9)
    _say(dispatcher, "one", "two", "three")
    assert await asyncio.wait_for(_end(dispatcher), 5)
    assert good.told == ["one", "two", "three", "ended"]
    assert slow.told == ["one", "ended"]
    assert "plugin slow was too slow: it was not told of 3 events" in caplog.text


async def test_one_that_keeps_a_pace_hears_the_whole_call_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of a call that the room never told come all at once, and Discord takes one a second."""
    monkeypatch.setattr(backlog, "PACE_SECONDS", 0.2)
    monkeypatch.setattr(backlog, "PACE_EVENTS", 2)
    steady = Recorder("steady")
    dispatcher = _dispatcher(steady)
    await dispatcher.starting(CALL)
    steady.behave = lambda: asyncio.sleep(0.02)
    lines = [str(number) for number in range(40)]
    _say(dispatcher, *lines)
    await _end(dispatcher)
    assert steady.told == [*lines, "ended"]


async def test_discords_refusals_are_nobodys_fault() -> None:
    refused = Recorder("refused")
    dispatcher = _dispatcher(refused)
    await dispatcher.starting(CALL)

    async def refuse() -> None:
        raise refusal(403, "Missing Permissions")

    refused.behave = refused.behave_at_end = refuse
    _say(dispatcher, *"12345")
    assert not await _end(dispatcher)
    assert refused.told == [*"12345", "ended"]
    assert not dispatcher.paused(7, "refused")


async def test_a_receipt_that_fails_again_and_again_pauses_nobody() -> None:
    async def fail() -> None:
        raise ValueError

    bad = Recorder("bad", behave_at_end=fail)
    dispatcher = _dispatcher(bad)
    for _ in range(hooks.MAX_FAILURES + 1):
        assert not await _end(dispatcher)
    assert not dispatcher.paused(7, "bad")


async def test_what_people_must_be_told_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise ValueError

    vital = Recorder("vital", vital=True)
    dispatcher = _dispatcher(vital)
    await dispatcher.starting(CALL)
    vital.behave = fail
    _say(dispatcher, *"12345")
    await _end(dispatcher)
    assert vital.told == [*"12345", "ended"]
    for _ in range(hooks.MAX_FAILURES + 1):
        with pytest.raises(Refused, match="`vital` failed; the call"):
            await dispatcher.starting(CALL)


async def test_what_people_must_know_waits_for_discord_after_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord is away at the end of it, and comes back."""
    monkeypatch.setattr(backlog, "PACE_SECONDS", 0.1)
    monkeypatch.setattr(hooks, "HOOK_TIMEOUT", 0.05)
    vital = Recorder("vital", vital=True)
    dispatcher = _dispatcher(vital)
    await dispatcher.starting(CALL)

    async def away() -> None:
        if len(vital.told) < 10:
            await asyncio.sleep(9)

    vital.behave = away
    lines = [str(number) for number in range(40)]
    _say(dispatcher, *lines)
    await _end(dispatcher)
    assert vital.told == [*lines, "ended"]


async def test_who_waits_for_all_to_be_told_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call may end meanwhile, and what is left of it is given up."""
    monkeypatch.setattr(backlog, "PACE_SECONDS", 0.05)
    slow = Recorder("slow")
    dispatcher = _dispatcher(slow)
    await dispatcher.starting(CALL)
    slow.behave = lambda: asyncio.sleep(9)
    _say(dispatcher, "one", "two")
    settled = asyncio.create_task(dispatcher.settled())
    await eventually(lambda: slow.told == ["one"])
    await dispatcher.finished(CALL)
    await asyncio.wait_for(settled, 5)


async def test_a_call_that_is_cut_off_leaves_no_task_behind() -> None:
    slow = Recorder("slow")
    dispatcher = _dispatcher(slow)
    before = asyncio.all_tasks()
    await dispatcher.starting(CALL)
    slow.behave = lambda: asyncio.sleep(9)
    _say(dispatcher, "one")
    finishing = asyncio.create_task(dispatcher.finished(CALL))
    await eventually(lambda: slow.told == ["one"])
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_where_it_is_off_it_hears_nothing() -> None:
    off = Recorder(on=False)
    dispatcher = _dispatcher(off)
    await dispatcher.starting(CALL)
    _say(dispatcher, "one")
    await _end(dispatcher)
    assert off.told == []


async def test_interims_go_first_when_a_plugin_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "TRANSIENT_LIMIT", 3)
    plugin = Recorder()
    dispatcher = _dispatcher(plugin)
    await dispatcher.starting(CALL)
    for number in range(10):
        dispatcher.publish(CALL, LineSaid(TranscriptLine("user", f"interim {number}", False)))
    _say(dispatcher, "final")
    await _end(dispatcher)
    assert plugin.told == ["interim 0", "interim 1", "interim 2", "final", "ended"]


async def test_a_call_that_never_became_live_leaves_nothing_behind() -> None:
    dispatcher = _dispatcher(Recorder())
    await dispatcher.starting(CALL)
    await dispatcher.finished(CALL)
    assert dispatcher._backlogs == {}
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
    dispatcher.reset_failures("bad")
    plugin.behave = None
    _say(dispatcher, "5")
    await dispatcher.settled()
    assert plugin.told == ["1", "2", "3", "5"]
    await _end(dispatcher)


async def test_no_call_begins_unless_something_tells_people_of_it() -> None:
    quiet, herald = Recorder("quiet"), Recorder("herald", announces=True)
    announcing: Any = [quiet, herald]
    dispatcher = HookDispatcher(lambda: announcing)
    await dispatcher.starting(CALL)
    await _end(dispatcher)
    herald.on = False
    with pytest.raises(Refused, match="tells people that they are heard"):
        await dispatcher.starting(CALL)

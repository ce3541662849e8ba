"""Who is in a call's channel, what follows from it, and that one call's trouble is no other's."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.call import occupancy as module
from bot.call.occupancy import Occupancy
from bot.call.participants import Participants
from bot.call.state import CallState
from bot.media.consent import Consent
from tests.support import eventually

ANN, BOB, CYD, BOT = 7, 8, 9, 1


class FakeCall:
    """Notes what it is told. `present` may raise."""

    def __init__(self, *people: int, hand_over: bool = True) -> None:
        self.id, self.state, self.host_id = "c1", CallState.LIVE, ANN
        self.settings = SimpleNamespace(hand_over=hand_over)
        self.participants = Participants(Consent(ask_first=False, hear_bots=False))
        self.consent = self.participants.consent
        guild = SimpleNamespace(get_member=lambda user_id: SimpleNamespace(id=user_id, bot=user_id == BOT))
        self.channel = SimpleNamespace(guild=guild, voice_states=dict.fromkeys((BOT, *people)))
        self.since_heard: float | None = None
        self.at_server: frozenset[int] | None = None
        self.fails = False
        self.told: list[Any] = []

    async def present(self) -> frozenset[int] | None:
        if self.fails:
            raise ZeroDivisionError
        return self.at_server

    def on_occupancy(self, people: int) -> None:
        self.told.append(people)

    def update_bots(self) -> None:
        self.told.append("bots")

    def check_permissions(self) -> None:
        self.told.append("permissions")

    def hand_over(self, user_id: int) -> None:
        self.host_id = user_id
        self.told.append(f"host {user_id}")


def _event(call: FakeCall, user_id: int) -> None:
    me = SimpleNamespace(id=BOT)
    member = me if user_id == BOT else SimpleNamespace(id=user_id)
    member.guild = SimpleNamespace(me=me)
    Occupancy(tuple).on_voice_state(cast(Any, call), cast(Any, member))


async def _watched(monkeypatch: pytest.MonkeyPatch, *calls: FakeCall) -> "asyncio.Task[None]":
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.001)
    return asyncio.create_task(Occupancy(lambda: cast(Any, calls)).watch())


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_an_event_counts_the_people_and_finds_the_bots() -> None:
    call = FakeCall(ANN, BOB)
    _event(call, BOB)
    assert call.told == ["bots", 2]


def test_a_host_who_has_left_is_followed_by_who_joined_voice_first() -> None:
    call = FakeCall(CYD, BOB)
    _event(call, ANN)
    assert call.told == ["bots", 2, f"host {CYD}"]
    _event(call, BOB)
    assert call.host_id == CYD


@pytest.mark.parametrize("why", ["settings", "nobody", "still there", "ending"])
def test_the_host_stays_who_they_are(why: str) -> None:
    people = {"nobody": (), "still there": (BOB, ANN)}.get(why, (BOB,))
    call = FakeCall(*people, hand_over=why != "settings")
    call.state = CallState.ENDING if why == "ending" else CallState.LIVE
    _event(call, ANN)
    assert call.host_id == ANN


def test_news_of_the_bot_itself_are_news_of_what_it_may_do() -> None:
    call = FakeCall(ANN)
    _event(call, BOT)
    assert call.told == ["bots", 1, "permissions"]


async def test_a_check_sees_what_no_event_has_told(monkeypatch: pytest.MonkeyPatch) -> None:
    call = FakeCall(BOB)
    watching = await _watched(monkeypatch, call)
    await eventually(lambda: f"host {BOB}" in call.told)
    assert call.told[:3] == ["bots", 1, "permissions"]
    await _stop(watching)


async def test_somebody_who_is_heard_is_there_whatever_the_gateway_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call = FakeCall()
    call.at_server, call.since_heard = frozenset({ANN}), 0.0
    watching = await _watched(monkeypatch, call)
    await eventually(lambda: 1 in call.told)
    await _stop(watching)
    assert "somebody is heard" in caplog.text


async def test_one_calls_trouble_is_no_others_and_who_is_not_live_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good, ending = FakeCall(ANN), FakeCall(ANN), FakeCall(ANN)
    bad.fails, ending.state = True, CallState.ENDING
    watching = await _watched(monkeypatch, bad, good, ending)
    await eventually(lambda: len(good.told) > 6)
    await _stop(watching)
    assert bad.told == ending.told == []
    assert "could not find out who is in its channel" in caplog.text

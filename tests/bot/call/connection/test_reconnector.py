"""What becomes of a connection that is lost: repaired, left to repair itself, or the call's end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from bot.billing.end_reason import EndReason
from bot.call.connection import reconnector as module
from bot.call.connection.reconnector import MAX_SHORT_LIVED, Reconnector
from bot.call.guards import Guards
from bot.call.state import CallState, CallStateMachine
from bot.config.model import ServerSettings
from bot.errors import ChannelFull, RoomError, VoiceError
from bot.media.events import VoiceLost
from bot.provider import VoicebotSession
from bot.room.events import RoomClosed, RoomEnd
from bot.voice.close_codes import NOBODY_DECRYPTED, Remedy
from tests.bot.call.fakes import SERVER, SESSION
from tests.bot.conftest import SteadyClock

LOST = VoiceLost(SERVER, Remedy.FRESH_SESSION, "it broke")


class Voice:
    """The voice connection: each repair ends as the next of `outcomes` says, or well."""

    def __init__(self) -> None:
        self.current = SERVER
        self.awaits_server = False
        self.repairs: list[str] = []
        self.outcomes: list[Exception] = []
        self.gate: asyncio.Event | None = None

    def is_current(self, server: object) -> bool:
        return server == self.current

    async def rejoin(self, after: float = 0.0) -> None:
        await self._repair(f"rejoin after {after:g}")

    async def reconnect(self, server: object) -> None:
        await self._repair("reconnect")

    async def _repair(self, what: str) -> None:
        self.repairs.append(what)
        if self.gate is not None:
            await self.gate.wait()
        if self.outcomes:
            raise self.outcomes.pop(0)


class Patient:
    """A call's connections, and what their reconnector asks of the call."""

    def __init__(self) -> None:
        self.voice = Voice()
        self.machine = CallStateMachine()
        self.machine.on_connected()
        self.rooms: list[VoicebotSession] = []
        self.room_outcomes: list[Exception] = []
        self.warnings: list[str] = []
        self.ends: list[EndReason] = []
        self.reconnector = Reconnector(
            "call 1",
            cast(Any, self.voice),
            self._join_room,
            self.machine,
            Guards(ServerSettings()),
            warn=self.warnings.append,
            end=self.ends.append,
        )

    async def _join_room(self, session: VoicebotSession) -> None:
        self.rooms.append(session)
        if self.room_outcomes:
            raise self.room_outcomes.pop(0)

    def state(self) -> CallState:
        return self.machine.state

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_lost_voice_session_is_replaced_by_a_fresh_one() -> None:
    patient = Patient()
    patient.reconnector.on_voice_lost(LOST)
    assert patient.state() is CallState.RECONNECTING
    await patient.settle()
    assert patient.voice.repairs == ["rejoin after 0"]
    assert patient.state() is CallState.LIVE
    assert patient.ends == []


async def test_a_session_that_is_being_replaced_already_is_not_repaired() -> None:
    patient = Patient()
    patient.voice.current = replace(SERVER, endpoint="another.example")
    patient.reconnector.on_voice_lost(LOST)
    await patient.settle()
    assert (patient.voice.repairs, patient.state()) == ([], CallState.LIVE)
    patient.voice.awaits_server = True
    patient.reconnector.on_voice_lost(LOST)
    assert (patient.voice.repairs, patient.state()) == ([], CallState.RECONNECTING)


async def test_what_the_gateway_will_explain_waits_for_it_and_a_new_server_replaces_that() -> None:
    patient = Patient()
    patient.voice.gate = asyncio.Event()
    patient.reconnector.on_voice_lost(replace(LOST, remedy=Remedy.AWAIT_GATEWAY))
    await patient.settle()
    patient.reconnector.on_voice_server_changed(SERVER)
    await patient.settle()
    assert patient.voice.repairs == [f"rejoin after {module.GATEWAY_TIMEOUT:g}", "reconnect"]
    patient.voice.gate.set()
    await patient.settle()
    assert patient.state() is CallState.LIVE


async def test_what_no_attempt_changes_ends_the_call() -> None:
    patient = Patient()
    patient.reconnector.on_voice_lost(replace(LOST, remedy=Remedy.GIVE_UP))
    assert patient.ends == [EndReason.VOICE_LOST]


@pytest.mark.parametrize(
    ("error", "reason"), [(VoiceError("no"), EndReason.VOICE_LOST), (ChannelFull("full"), EndReason.SEAT_TAKEN)]
)
async def test_a_repair_that_fails_ends_the_call(error: Exception, reason: EndReason) -> None:
    patient = Patient()
    patient.voice.outcomes = [error]
    patient.reconnector.on_voice_lost(LOST)
    await patient.settle()
    assert patient.ends == [reason]


async def test_sessions_that_do_not_hold_are_made_less_and_less_often_and_not_for_ever(
    steady: SteadyClock,
) -> None:
    patient = Patient()
    for number in range(MAX_SHORT_LIVED + 2):
        steady.at = 1000.0 + number
        patient.reconnector.on_voice_lost(LOST)
        await patient.settle()
    assert patient.voice.repairs == [f"rejoin after {pause:g}" for pause in (0, 1, 2, 4, 8)]
    assert patient.ends == [EndReason.VOICE_LOST]


async def test_one_that_has_held_is_replaced_at_once(steady: SteadyClock) -> None:
    patient = Patient()
    for number in range(10):
        steady.at = 1000.0 + number * (module.HELD_SECONDS + 1)
        patient.reconnector.on_voice_lost(LOST)
        await patient.settle()
    assert set(patient.voice.repairs) == {"rejoin after 0"}
    assert patient.ends == []


async def test_keys_that_never_fit_end_the_call_at_the_second_session() -> None:
    nobody = replace(LOST, meaning=NOBODY_DECRYPTED.meaning)
    patient = Patient()
    patient.reconnector.on_voice_lost(nobody)
    await patient.settle()
    assert patient.ends == []
    patient.reconnector.on_voice_lost(nobody)
    assert patient.ends == [EndReason.NOBODY_HEARD]
    assert "Nobody's voice can be decrypted" in patient.warnings[0]


async def test_somebody_who_is_heard_between_them_counts(steady: SteadyClock) -> None:
    nobody = replace(LOST, meaning=NOBODY_DECRYPTED.meaning)
    patient = Patient()
    for number in range(5):
        steady.at = 1000.0 + 100 * number
        patient.reconnector.on_voice_lost(nobody)
        await patient.settle()
        patient.reconnector.on_heard()
    assert patient.ends == []


async def test_a_lost_room_is_joined_again_once_in_a_while(steady: SteadyClock) -> None:
    lost, patient = RoomClosed(RoomEnd.CONNECTION_LOST), Patient()
    patient.reconnector.on_room_closed(lost, SESSION)
    await patient.settle()
    assert (patient.rooms, patient.state()) == ([SESSION], CallState.LIVE)
    steady.at = 1000.0 + module.REJOIN_INTERVAL
    patient.reconnector.on_room_closed(lost, SESSION)
    await patient.settle()
    assert patient.rooms == [SESSION, SESSION]
    patient.reconnector.on_room_closed(lost, SESSION)
    assert patient.ends == [EndReason.ROOM_LOST]


async def test_a_room_whose_token_has_ended_is_not_joined_again() -> None:
    patient = Patient()
    ended = replace(SESSION, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    patient.reconnector.on_room_closed(RoomClosed(RoomEnd.CONNECTION_LOST), ended)
    assert (patient.rooms, patient.ends) == ([], [EndReason.ROOM_LOST])


async def test_a_room_that_lets_nobody_in_ends_the_call() -> None:
    patient = Patient()
    patient.room_outcomes = [RoomError("refused")]
    patient.reconnector.on_room_closed(RoomClosed(RoomEnd.CONNECTION_LOST), SESSION)
    await patient.settle()
    assert patient.ends == [EndReason.ROOM_LOST]


@pytest.mark.parametrize(
    ("end", "reason"),
    [(RoomEnd.ENDED_BY_PROVIDER, EndReason.ROOM_ENDED), (RoomEnd.REPLACED, EndReason.ROOM_REPLACED)],
)
async def test_a_room_that_is_over_is_over(end: RoomEnd, reason: EndReason) -> None:
    patient = Patient()
    patient.reconnector.on_room_closed(RoomClosed(end), SESSION)
    assert (patient.rooms, patient.ends) == ([], [reason])


async def test_nothing_is_repaired_after_the_call() -> None:
    patient = Patient()
    patient.voice.gate = asyncio.Event()
    patient.reconnector.on_voice_lost(LOST)
    await patient.settle()
    await patient.reconnector.cancel()
    patient.voice.gate.set()
    await patient.settle()
    assert patient.ends == []
    assert patient.state() is CallState.RECONNECTING

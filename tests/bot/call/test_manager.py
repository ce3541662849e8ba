"""Which calls may begin, and what becomes of them when people, channels and servers come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.access.voice_channel import people_in
from bot.billing.end_reason import EndReason
from bot.billing.ledger.sqlite import SqliteLedger
from bot.call import occupancy
from bot.call.call import Call
from bot.call.connection import media as media_module
from bot.call.events import HandedOver
from bot.call.manager import CallManager
from bot.call.state import CallState
from bot.config.load import check
from bot.config.source import parse
from bot.errors import Refused
from tests.bot.billing.records import record
from tests.bot.call.fakes import ANN, BOB, GUILD, VOICE, Play
from tests.support import eventually

Make = Callable[..., Play]


class Desk:
    """A manager, and a server on which calls can be started."""

    def __init__(self, play: Play, ledger: SqliteLedger) -> None:
        self.play = play
        self.ledger = ledger
        self.manager = CallManager(play.services, lambda guild_id, settings: play.provider, ledger, max_calls=None)

    async def start(self, config: Any = None) -> Call:
        return await self.manager.start(self.play.call.request, config or self.play.config)

    def changed(self, user_id: int) -> None:
        """Somebody's voice state has changed."""
        member = SimpleNamespace(id=user_id, guild=self.play.guild)
        self.manager.on_voice_state(cast(Any, member), cast(Any, None), cast(Any, None))


@pytest.fixture
async def desk(play: Make, tmp_path: Path) -> AsyncIterator[Callable[..., Desk]]:
    ledger = await SqliteLedger.open(tmp_path / "sessions.sqlite3")
    desks: list[Desk] = []

    def make(settings: str = "{}") -> Desk:
        desks.append(Desk(play(settings), ledger))
        return desks[-1]

    yield make
    for made in desks:
        await made.manager.shutdown()
    await ledger.close()


Desks = Callable[..., Desk]


async def test_a_call_is_found_while_it_lasts(desk: Desks) -> None:
    here = desk()
    call = await here.start()
    assert here.manager.of_guild(GUILD) is call
    assert here.manager.is_in_voice(GUILD)
    assert here.manager.config_of(GUILD) is here.play.config
    call.end(EndReason.LEFT)
    await eventually(lambda: here.manager.of_guild(GUILD) is None)
    assert await here.manager.knows_of(GUILD)


async def test_a_server_has_one_call_at_a_time(desk: Desks) -> None:
    here = desk()
    starting = asyncio.create_task(here.start())
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="There is a call in <#2> already"):
        await here.start()
    await starting
    with pytest.raises(Refused, match="There is a call"):
        await here.start()
    assert here.play.story.told.count("open session") == 1


async def test_where_the_operator_has_not_opened_it_no_call_begins(desk: Desks) -> None:
    here = desk()
    config = check(parse(Path("config.yaml"), "servers_allowed: [99]\n"), {})
    with pytest.raises(Refused, match="has not enabled it for this server"):
        await here.start(config)
    assert here.play.story.told == []


async def test_where_permissions_are_missing_no_call_begins(desk: Desks) -> None:
    here = desk()
    here.play.guild.permissions.connect = False
    with pytest.raises(Refused, match="Connect"):
        await here.start()
    assert here.play.story.told == []


async def test_while_the_last_session_may_be_billed_no_call_begins(desk: Desks) -> None:
    here = desk()
    await here.ledger.record_intent(record("old", guild_id=GUILD))
    await here.ledger.record_opened("old", "room-0", "Guide", 1000.0)
    with pytest.raises(Refused, match="earlier call's session is not confirmed"):
        await here.start()
    assert "open session" not in here.play.story.told


async def test_nobody_in_the_channel_ends_the_call(desk: Desks) -> None:
    here = desk("{empty_channel_grace: 0}")
    await here.start()
    here.play.guild.people()
    here.changed(ANN)
    await eventually(lambda: here.play.closer.reasons == [EndReason.EMPTY])


async def test_whoever_has_been_there_for_the_longest_takes_it_over(desk: Desks) -> None:
    here = desk()
    call = await here.start()
    here.play.guild.people(BOB)
    here.changed(ANN)
    assert call.host_id == BOB
    assert here.play.observer.of(HandedOver) == [HandedOver(ANN)]


async def test_a_channel_or_a_server_that_is_gone_ends_its_call(desk: Desks) -> None:
    for reason in (EndReason.CHANNEL_DELETED, EndReason.SERVER_LEFT):
        here = desk()
        await here.start()
        if reason is EndReason.CHANNEL_DELETED:
            here.manager.on_channel_deleted(cast(Any, here.play.guild.channels[3]))  # another one
            here.manager.on_channel_deleted(cast(Any, here.play.guild.channels[VOICE]))
        else:
            here.manager.on_guild_removed(cast(Any, here.play.guild))
        await eventually(lambda here=here, reason=reason: here.play.closer.reasons == [reason])  # type: ignore[misc]


async def test_a_shutdown_ends_every_call_and_takes_no_more(desk: Desks) -> None:
    here = desk()
    call = await here.start()
    await here.manager.shutdown()
    assert call.state is CallState.ENDED
    assert here.play.closer.reasons == [EndReason.SHUTDOWN]
    assert here.play.story.told[-1] == "closer stops"
    with pytest.raises(Refused, match="being restarted"):
        await here.start()


async def test_an_echo_test_makes_way_for_a_call(desk: Desks) -> None:
    here = desk()
    channel = cast(Any, here.play.guild.channels[VOICE])
    test = await here.manager.start_test(channel, ANN, here.play.config)
    assert here.manager.test_of(GUILD) is test
    await here.start()
    assert test.over.is_set()
    assert here.manager.test_of(GUILD) is None
    with pytest.raises(Refused, match="There is a call"):
        await here.manager.start_test(channel, ANN, here.play.config)


async def test_an_echo_test_that_everybody_has_left_is_over(desk: Desks) -> None:
    here = desk()
    test = await here.manager.start_test(cast(Any, here.play.guild.channels[VOICE]), ANN, here.play.config)
    here.play.guild.people()
    here.changed(ANN)
    async with asyncio.timeout(5):
        await test.over.wait()


async def test_what_events_have_missed_is_seen_all_the_same(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupancy, "CHECK_INTERVAL", 0.001)
    here = desk("{empty_channel_grace: 0}")
    await here.manager.recover()
    await here.start()
    here.play.guild.people()
    here.play.media[-1].at_server = frozenset()
    await eventually(lambda: here.play.closer.reasons == [EndReason.EMPTY])


async def test_somebody_who_is_elsewhere_keeps_no_call_alive_that_all_have_left(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway has lost an exit; events about others go on all the time."""
    monkeypatch.setattr(occupancy, "CHECK_INTERVAL", 0.001)
    here = desk("{empty_channel_grace: 1}")
    await here.manager.recover()
    await here.start()
    here.play.media[-1].at_server = frozenset({ANN})
    await asyncio.sleep(0.01)
    here.play.media[-1].at_server = frozenset()
    async with asyncio.timeout(10):
        while here.play.closer.reasons != [EndReason.EMPTY]:
            here.changed(77)
            await asyncio.sleep(0.01)


async def test_a_call_whose_media_loop_does_not_answer_ends_and_holds_up_no_other(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occupancy, "CHECK_INTERVAL", 0.001)
    monkeypatch.setattr(media_module, "ANSWER_TIMEOUT", 0.01)
    here = desk()
    await here.manager.recover()
    await here.start()
    here.play.media[-1].stuck = True
    await eventually(lambda: here.play.closer.reasons == [EndReason.FAILED])


async def test_a_bot_whose_arrival_was_missed_is_not_heard_either(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupancy, "CHECK_INTERVAL", 0.001)
    here = desk()
    await here.manager.recover()
    call = await here.start()
    here.play.guild.members[BOB].bot = True
    here.play.guild.people(ANN, BOB)
    await eventually(lambda: BOB in call.consent.bots)
    assert f"bots {sorted(call.consent.bots)}" in here.play.story.told


async def test_sessions_an_earlier_run_left_open_are_ended_before_anything_else(desk: Desks) -> None:
    here = desk()
    await here.ledger.record_intent(record("old"))
    await here.ledger.record_opened("old", "room-0", "Guide", 1000.0)
    await here.ledger.record_intent(record("asked"))
    await here.manager.recover()
    assert here.play.closer.reasons == [EndReason.CRASHED]
    states = {row.id: row.state.value for row in await here.ledger.unsettled()}
    assert states["asked"] == "unknown"


async def test_bots_are_no_people_and_somebody_unknown_is_one(play: Make) -> None:
    guild = play().guild
    guild.members[BOB].bot = True
    guild.people(ANN, BOB, 77)
    channel = cast(Any, guild.channels[VOICE])
    assert people_in(channel) == [ANN, 77]

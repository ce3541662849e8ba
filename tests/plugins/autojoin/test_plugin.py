"""When a call begins by itself, and when it does not any more: what was so before the waiting may have changed."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import discord
import pytest

from bot.access.roles import check_start
from bot.billing.end_reason import EndReason
from bot.call.state import CallState
from bot.config.model import ServerSettings
from bot.errors import Refused
from plugins.autojoin.plugin import AutoJoinPlugin, AutoJoinSettings

GUILD, LOUNGE, GARDEN, ANN, BEN = 100, 1, 2, 11, 12


class World:
    """A server with two named voice channels; `at_sleep` happens whenever somebody waits."""

    def __init__(self) -> None:
        self.settings = AutoJoinSettings(enabled=True, channels=(LOUNGE, GARDEN), wait=1)
        self.server = ServerSettings(voicebot="guide")
        self.members: dict[int, Any] = {}
        self.guild = MagicMock(spec=discord.Guild, id=GUILD)
        self.guild.name = "The Museum"
        self.guild.get_member = self.members.get
        self.channels = {number: self._channel(number) for number in (LOUNGE, GARDEN)}
        self.call: Any = None
        self.config_of: Any = None
        self.started: list[int] = []  # in which channels
        self.memory: dict[str, Any] = {}
        self.slept = 0
        self.at_sleep: Callable[[], None] = lambda: None
        self.plugins = SimpleNamespace(memory=self.memory, newest=None)
        self.plugin = self.new_plugin()

    def _channel(self, number: int) -> Any:
        return MagicMock(spec=discord.VoiceChannel, id=number, guild=self.guild, voice_states={})

    def new_plugin(self) -> AutoJoinPlugin:
        """As after a reload."""
        host: Any = SimpleNamespace(
            sleep=self.sleep,
            get_channel=self.channels.get,
            get_guild=lambda _: None,
            plugins=self.plugins,
            config=SimpleNamespace(plugin=lambda *_: self.settings, server=lambda _: self.server),
            calls=SimpleNamespace(of_guild=lambda _: self.call, config_of=lambda _: self.config_of, start=self.start),
        )
        self.plugins.newest = plugin = AutoJoinPlugin(host)
        return plugin

    async def join(self, channel: int) -> None:
        """As when somebody arrives there; until it is decided."""
        self.plugin._begin(self.channels[channel])
        await self.plugin._joining[channel]

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        assert self.slept < 500, "it waits for ever"
        self.at_sleep()

    async def start(self, request: Any, config: Any) -> None:
        self.started.append(request.channel.id)

    def put(self, person: int, channel: int) -> None:
        self.channels[channel].voice_states[person] = object()
        self.members[person] = SimpleNamespace(
            id=person, bot=False, roles=(), guild_permissions=discord.Permissions.none()
        )

    def live_call_in(self, channel: int) -> Any:
        self.config_of = object()
        self.call = SimpleNamespace(
            id="c1",
            guild_id=GUILD,
            channel=self.channels[channel],
            voice_channel_id=channel,
            text_channel_id=3,
            state=CallState.LIVE,
            voicebot_name="Guide",
        )
        return self.call


def receipt_of(call: Any, reason: EndReason) -> Any:
    return SimpleNamespace(call_id=call.id, reason=reason)


@pytest.fixture
def world() -> World:
    return World()


async def test_who_is_there_has_a_call(world: World) -> None:
    world.put(ANN, LOUNGE)
    await world.join(LOUNGE)
    assert world.started == [LOUNGE]


async def test_what_is_switched_off_while_they_wait_begins_no_more(world: World) -> None:
    world.put(ANN, LOUNGE)

    def switch_off() -> None:
        world.settings = AutoJoinSettings(enabled=False, channels=(LOUNGE,))

    world.at_sleep = switch_off
    await world.join(LOUNGE)
    assert world.started == []


async def test_rights_that_are_taken_while_they_wait_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(ANN, LOUNGE)
    said: list[Any] = []

    async def say_why(*what: Any) -> None:
        said.append(what)

    def restrict() -> None:
        world.server = ServerSettings.model_validate({"voicebot": "guide", "access": {"start": [5]}})

    world.at_sleep = restrict
    monkeypatch.setattr(world.plugin, "_say_why", say_why)
    await world.join(LOUNGE)
    assert (world.started, len(said)) == ([], 1)
    with pytest.raises(Exception, match="may start calls"):
        check_start(world.members[ANN], world.server.access)


async def arrives(world: World, person: int, channel: int) -> None:
    """As discord.py tells of it."""
    world.put(person, channel)
    member: Any = SimpleNamespace(id=person, bot=False, guild=world.guild)
    before, after = SimpleNamespace(channel=None), SimpleNamespace(channel=world.channels[channel])
    await world.plugin.on_voice_state_update(member, before, after)  # type: ignore[arg-type]
    await asyncio.gather(*world.plugin._joining.values())


async def test_who_arrives_has_a_call_and_nobody_where_it_is_off(world: World) -> None:
    world.settings = AutoJoinSettings(enabled=False, channels=(LOUNGE,))
    await arrives(world, ANN, LOUNGE)
    assert (world.started, world.slept) == ([], 0)
    assert not AutoJoinSettings().enabled, "nobody has asked for it"
    world.settings = AutoJoinSettings(enabled=True, channels=(LOUNGE,))
    await arrives(world, BEN, LOUNGE)
    assert world.started == [LOUNGE]


async def test_who_passes_through_starts_nothing(world: World) -> None:
    world.at_sleep = lambda: world.channels[LOUNGE].voice_states.clear()
    await arrives(world, ANN, LOUNGE)
    assert (world.started, world.slept) == ([], 1)


async def test_a_limit_is_told_once_while_people_are_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def start(request: Any, config: Any) -> None:
        raise Refused("The minutes for today are used up.")

    async def say_why(channel: Any, text_channel_id: int, error: Refused) -> None:
        said.append(error.for_user)

    world.plugin.host.calls.start = start  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(world.plugin, "_say_why", say_why)
    await arrives(world, ANN, LOUNGE)
    await arrives(world, BEN, LOUNGE)
    assert said == ["The minutes for today are used up."]


async def test_a_channel_that_is_gone_when_they_have_waited(world: World) -> None:
    world.put(ANN, LOUNGE)
    world.at_sleep = lambda: world.channels.pop(LOUNGE, None)
    await world.join(LOUNGE)
    assert world.started == []


async def test_who_sent_the_bot_away_does_not_have_it_back_however_long_the_end_takes(world: World) -> None:
    """Late lines keep an ended call for as long as Discord takes to take them; what it was ended for is known after."""
    world.put(ANN, LOUNGE)
    world.config_of = object()

    def end() -> None:
        if world.slept == 100:
            world.memory["given up"] = {LOUNGE}
            world.config_of = None

    world.at_sleep = end
    await world.join(LOUNGE)
    assert (world.slept, world.started) == (100, [])


async def test_a_stranger_in_another_named_channel_does_not_take_the_call_over(world: World) -> None:
    """They have one of their own when that of who has left is over."""
    call = world.live_call_in(LOUNGE)
    world.memory["people by server"] = {GUILD: (call.id, {ANN})}
    world.put(BEN, GARDEN)

    def end() -> None:
        if world.slept == 10:
            world.call = world.config_of = None

    world.at_sleep = end
    await world.join(GARDEN)
    assert world.started == [GARDEN]


async def test_who_was_in_the_call_takes_it_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    call = world.live_call_in(LOUNGE)
    world.memory["people by server"] = {GUILD: (call.id, {ANN})}
    world.put(ANN, GARDEN)
    moved: list[Any] = []

    async def follow(*where: Any) -> None:
        moved.append(where)

    monkeypatch.setattr(world.plugin, "_follow", follow)
    await world.join(GARDEN)
    assert (moved, world.started) == ([(call, world.channels[GARDEN])], [])


@pytest.mark.parametrize("may_write", [True, False])
async def test_a_call_goes_only_where_its_people_can_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch, may_write: bool
) -> None:
    call = world.live_call_in(LOUNGE)
    moved: list[Any] = []
    said: list[Any] = []

    async def move_to(channel: Any) -> None:
        moved.append(channel)

    async def say_why(*what: Any) -> None:
        said.append(what)

    call.move_to, world.channels[GARDEN].user_limit = move_to, 0
    monkeypatch.setattr(world.plugin, "_say_why", say_why)
    world.channels[GARDEN].permissions_for.return_value = discord.Permissions.all()
    text = world.guild.get_channel_or_thread.return_value
    text.permissions_for.return_value = discord.Permissions.all() if may_write else discord.Permissions.none()
    await world.plugin._follow(call, world.channels[GARDEN])
    assert (moved, len(said)) == (([world.channels[GARDEN]], 0) if may_write else ([], 1))


async def test_who_moves_on_before_the_call_has_begun_is_followed_when_it_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = world.live_call_in(LOUNGE)
    call.state = CallState.CONNECTING
    world.memory["people by server"] = {GUILD: (call.id, {ANN})}
    world.put(ANN, GARDEN)
    moved: list[Any] = []

    async def follow(*where: Any) -> None:
        moved.append(where)

    def begin() -> None:
        if world.slept == 10:
            call.state = CallState.LIVE

    world.at_sleep = begin
    monkeypatch.setattr(world.plugin, "_follow", follow)
    await world.join(GARDEN)
    assert moved == [(call, world.channels[GARDEN])]


async def test_who_waits_in_another_named_channel_has_a_call_when_this_one_is_over(world: World) -> None:
    call = world.live_call_in(LOUNGE)
    await world.plugin.on_call_started(call)
    world.put(BEN, GARDEN)
    world.call = world.config_of = None
    await world.plugin.on_call_ended(receipt_of(call, EndReason.EMPTY))
    await asyncio.gather(*world.plugin._joining.values())
    assert world.started == [GARDEN]
    assert world.memory["calls"] == {}


@pytest.mark.parametrize("emptied", [True, False])
async def test_who_comes_back_before_the_receipt_is_there_has_another_call(world: World, emptied: bool) -> None:
    """Nobody is left of those who had sent the bot away, when the channel was empty in between."""
    call = world.live_call_in(LOUNGE)
    await world.plugin.on_call_started(call)
    call.state, world.call = CallState.ENDED, None
    member: Any = SimpleNamespace(id=ANN, bot=False, guild=world.guild)
    nowhere: Any = SimpleNamespace(channel=None)
    there: Any = SimpleNamespace(channel=world.channels[LOUNGE])
    if emptied:
        await world.plugin.on_voice_state_update(member, there, nowhere)
    world.put(ANN, LOUNGE)
    world.config_of = None
    await world.plugin.on_call_ended(receipt_of(call, EndReason.LEFT))
    await asyncio.gather(*world.plugin._joining.values())
    assert world.started == ([LOUNGE] if emptied else [])


async def test_a_reload_takes_over_what_is_under_way(world: World) -> None:
    world.put(ANN, LOUNGE)
    world.plugin._begin(world.channels[LOUNGE])  # which goes on while the old instance has a call elsewhere
    new = world.new_plugin()
    await new.on_load()
    await asyncio.gather(*world.plugin._joining.values(), *new._joining.values())
    assert world.started == [LOUNGE]
    assert world.memory["under way"] == {}


async def test_where_it_is_off_nobody_is_remembered(world: World) -> None:
    call = world.live_call_in(LOUNGE)
    world.settings = AutoJoinSettings(enabled=False)
    there = SimpleNamespace(channel=world.channels[LOUNGE])
    member: Any = SimpleNamespace(id=ANN, bot=False, guild=world.guild)
    nowhere: Any = SimpleNamespace(channel=None)
    arrived: Any = there
    await world.plugin.on_voice_state_update(member, nowhere, arrived)
    assert GUILD not in world.memory.get("people by server", {})
    world.settings = AutoJoinSettings(enabled=True)
    await world.plugin.on_voice_state_update(member, nowhere, arrived)
    assert world.memory["people by server"] == {GUILD: (call.id, {ANN})}


async def test_who_dragged_the_bot_away_does_not_have_it_back_where_it_was(world: World) -> None:
    """The call's channel at its end is the other one then."""
    call = world.live_call_in(LOUNGE)
    world.put(ANN, LOUNGE)
    await world.plugin.on_call_started(call)
    call.channel, call.voice_channel_id = world.channels[GARDEN], GARDEN
    call.state, world.call, world.config_of = CallState.ENDED, None, None
    await world.plugin.on_call_ended(receipt_of(call, EndReason.MOVED))
    await asyncio.gather(*world.plugin._joining.values())
    assert world.started == []
    assert world.memory["given up"] == {LOUNGE}


async def test_a_call_that_went_on_elsewhere_is_not_wanted_there_when_it_is_sent_away(world: World) -> None:
    call = world.live_call_in(LOUNGE)
    await world.plugin.on_call_started(call)
    world.put(ANN, GARDEN)
    call.channel, call.voice_channel_id = world.channels[GARDEN], GARDEN
    await world.plugin.on_call_moved(call)
    call.state, world.call, world.config_of = CallState.ENDED, None, None
    await world.plugin.on_call_ended(receipt_of(call, EndReason.LEFT))
    await asyncio.gather(*world.plugin._joining.values())
    assert world.started == []
    assert world.memory["given up"] == {GARDEN}
    assert world.memory["where"] == world.memory["calls"] == {}


@pytest.mark.parametrize("waits_already", [True, False])
async def test_who_waits_elsewhere_has_a_call_after_a_reload_too(world: World, waits_already: bool) -> None:
    """The end of a call is told to the instance that it began with, which goes with it."""
    call, old = world.live_call_in(LOUNGE), world.plugin
    world.put(ANN, LOUNGE)
    await old.on_call_started(call)
    new = world.new_plugin()
    await new.on_load()
    world.put(BEN, GARDEN)
    if waits_already:
        call.state = CallState.ENDING
        new._begin(world.channels[GARDEN])
    call.state, world.call, world.config_of = CallState.ENDED, None, None
    await old.on_call_ended(receipt_of(call, EndReason.LEFT))
    await old.tasks.close()
    await asyncio.gather(*new._joining.values())
    assert world.started == [GARDEN]


async def test_who_comes_elsewhere_while_a_call_begins_that_fails_has_one(world: World) -> None:
    call = world.live_call_in(LOUNGE)
    world.put(ANN, LOUNGE)
    call.state = CallState.CONNECTING

    def fail() -> None:
        if world.slept == 10:
            call.state, world.call, world.config_of = CallState.ENDED, None, None

    world.at_sleep = fail
    world.put(BEN, GARDEN)
    await world.join(GARDEN)
    assert world.started == [GARDEN]


async def test_who_is_back_before_their_leaving_is_told_has_left_all_the_same(world: World) -> None:
    """discord.py tells of an event when the next may have happened."""
    world.memory.update({"given up": {LOUNGE}, "told": {LOUNGE}})
    world.put(ANN, LOUNGE)
    there: Any = SimpleNamespace(channel=world.channels[LOUNGE])
    nowhere: Any = SimpleNamespace(channel=None)
    ben: Any = SimpleNamespace(id=BEN, bot=False, guild=world.guild)
    await world.plugin.on_voice_state_update(ben, there, nowhere)
    assert world.memory["given up"] == {LOUNGE}  # Ann is still there
    ann: Any = SimpleNamespace(id=ANN, bot=False, guild=world.guild)
    await world.plugin.on_voice_state_update(ann, there, nowhere)
    assert world.memory["given up"] == world.memory["told"] == set()

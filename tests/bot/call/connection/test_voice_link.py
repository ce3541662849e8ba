"""Joining a voice channel, joining it again, and leaving it: how often, how long, and what people read."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.call.connection import voice_link
from bot.call.connection.voice_link import JOIN_ATTEMPTS, VoiceLink
from bot.call.hearing import Listeners
from bot.errors import ChannelFull, VoiceBlocked, VoiceClosed, VoiceError
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import MainGatewayAway
from tests.bot.call.fakes import ANN, BOB, ELSEWHERE, SERVER, VOICE, Play, broken
from tests.support import eventually

CHANNEL = SimpleNamespace(id=1, guild=SimpleNamespace(me=SimpleNamespace(id=9)), voice_states={}, user_limit=0)


class ScriptedLink(VoiceLink):
    """Its attempts end as they are told to: with an error, or with None for well."""

    def __init__(self, *outcomes: Exception | None) -> None:
        super().__init__(cast(Any, CHANNEL), cast(Any, None), _ignore, lambda _: 64_000)
        self.outcomes = list(outcomes)
        self.attempts = 0

    async def _join(self) -> None:
        outcome = self.outcomes[min(self.attempts, len(self.outcomes) - 1)]
        self.attempts += 1
        if outcome is not None:
            raise outcome


def _ignore(_: object) -> None: ...


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_link, "JOIN_PAUSES", (0.0,) * (JOIN_ATTEMPTS - 1))


def _closed(code: int) -> VoiceClosed:
    return VoiceClosed(code, "closed")


async def test_it_is_tried_again_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(_closed(4006), VoiceError("no answer"), None)
    await link.connect()
    assert link.attempts == 3
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        f"joining voice, attempt {number} of {JOIN_ATTEMPTS}" for number in (1, 2)
    ]


async def test_after_five_attempts_people_read_what_could_help() -> None:
    link = ScriptedLink(VoiceError("no answer"))
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == JOIN_ATTEMPTS == 5
    assert "(5 of 5 attempts, nothing was billed)" in str(raised.value.for_user)
    assert "Another region" in str(raised.value.for_user)


@pytest.mark.parametrize("code", [4012, 4016, 4017, 4021])
async def test_a_refusal_that_no_attempt_changes_is_believed(code: int) -> None:
    link = ScriptedLink(_closed(code))
    with pytest.raises(VoiceClosed):
        await link.connect()
    assert link.attempts == 1


async def test_where_no_sound_gets_through_two_attempts_are_enough() -> None:
    link = ScriptedLink(VoiceBlocked("no UDP"))
    with pytest.raises(VoiceBlocked):
        await link.connect()
    assert link.attempts == 2


async def test_a_time_out_is_logged_and_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(_closed(4006), TimeoutError())
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == 2
    assert "(2 of 5 attempts, nothing was billed). Discord took too long to let me in." in str(raised.value.for_user)
    assert f"attempt 2 of {JOIN_ATTEMPTS}: no more time is left" in caplog.text


async def test_an_attempt_for_which_no_time_is_left_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_link, "JOIN_PAUSES", (60.0,) * (JOIN_ATTEMPTS - 1))
    link = ScriptedLink(VoiceError("no answer"))
    with pytest.raises(VoiceError) as raised:
        await link.connect()
    assert link.attempts == 1
    assert "(1 of 5 attempts" in str(raised.value.for_user)


# -- one attempt, and what follows when the connection is up -----------------------------------------------------------

OTHER = replace(SERVER, endpoint="other.example")


class Joined:
    """A link to the channel of a played server. `outcomes` are what the media's attempts to connect end with, in
    order, and what happens meanwhile; after the last one they work."""

    def __init__(self, play: Play) -> None:
        self.play, self.story = play, play.story
        self.connected: list[tuple[str, float | None, int]] = []  # endpoint, seconds for keys, bit/s
        self.outcomes: list[Callable[[], None]] = []
        self.bitrates: list[int] = []
        channel = cast(Any, play.guild.channels[VOICE])
        self.link = VoiceLink(channel, self, _ignore, lambda channel: channel.bitrate)

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None, bitrate: int) -> None:
        self.connected.append((server.endpoint, keys_timeout, bitrate))
        if self.outcomes:
            self.outcomes.pop(0)()

    def set_bitrate(self, bitrate: int) -> None:
        self.bitrates.append(bitrate)

    def name(self, server: VoiceServerInfo | None) -> Callable[[], None]:
        """Discord names another server, or takes the one away."""

        def happen() -> None:
            self.play.handshake.latest = server

        return happen

    @property
    def endpoints(self) -> list[str]:
        return [endpoint for endpoint, _, _ in self.connected]


def fails(error: Exception) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


@pytest.fixture
async def joined(play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch) -> Joined:
    for name, value in {"SERVER_TIMEOUT": 0.1, "GATEWAY_POLL_INTERVAL": 0.0, "REJOIN_PAUSES": (0.0, 0.0)}.items():
        monkeypatch.setattr(voice_link, name, value)
    return Joined(play())


async def test_it_uses_the_server_that_discord_names_and_waits_for_keys(joined: Joined) -> None:
    await joined.link.connect()
    assert joined.connected == [(SERVER.endpoint, voice_link.KEYS_TIMEOUT, 64_000)]
    assert joined.story.told == ["join channel"]
    assert joined.link.is_current(SERVER)
    assert not joined.link.is_current(OTHER)
    assert not joined.link.awaits_server


@pytest.mark.parametrize("worked", [True, False])
async def test_a_server_that_is_replaced_while_it_is_joined_is_left_for_the_other(joined: Joined, worked: bool) -> None:
    def happen() -> None:
        joined.name(OTHER)()
        if not worked:
            raise VoiceError("it hangs up")

    joined.outcomes = [happen]
    await joined.link.connect()
    assert joined.endpoints == [SERVER.endpoint, OTHER.endpoint]
    assert joined.story.told == ["join channel"], "nothing is asked of the main gateway for that"


async def test_a_server_that_is_named_a_moment_later_is_waited_for(joined: Joined) -> None:
    def happen() -> None:
        joined.name(None)()
        asyncio.get_running_loop().call_soon(joined.name(OTHER))

    joined.outcomes = [happen]
    await joined.link.connect()
    assert joined.endpoints == [SERVER.endpoint, OTHER.endpoint]


async def test_a_server_that_is_taken_away_for_good_is_asked_for_anew(joined: Joined) -> None:
    joined.outcomes = [joined.name(None), joined.name(SERVER)]
    joined.play.guild.client.get_channel = lambda _: None

    async def renew(timeout: float) -> VoiceServerInfo:
        joined.story.told.append("renew voice")
        joined.name(SERVER)()
        return SERVER

    joining = asyncio.create_task(joined.link.connect())
    await eventually(lambda: joined.link.awaits_server)
    joined.play.handshake.renew = renew  # type: ignore[method-assign]
    await joining
    assert joined.story.told == ["join channel", "renew voice"]


async def test_a_second_attempt_leaves_and_joins_again(joined: Joined) -> None:
    joined.outcomes = [fails(VoiceError("no keys"))]
    await joined.link.connect()
    assert joined.story.told == ["join channel", "renew voice"]


async def test_a_new_server_of_a_running_call_is_used_as_it_is(joined: Joined) -> None:
    await joined.link.connect()
    await joined.link.reconnect(OTHER)
    assert joined.endpoints == [SERVER.endpoint, OTHER.endpoint]
    assert joined.story.told == ["join channel"]


async def test_a_new_server_that_does_not_work_is_left_and_joined_again(joined: Joined) -> None:
    await joined.link.connect()
    joined.outcomes = [fails(VoiceError("no"))]
    await joined.link.reconnect(OTHER)
    assert joined.story.told == ["join channel", "renew voice"]
    assert joined.endpoints == [SERVER.endpoint, OTHER.endpoint, SERVER.endpoint]


async def test_alone_in_the_channel_there_are_no_keys_to_wait_for(joined: Joined) -> None:
    await joined.link.connect()
    joined.play.guild.people()
    await joined.link.rejoin()
    assert [keys for _, keys, _ in joined.connected] == [voice_link.KEYS_TIMEOUT, None]


async def test_while_the_main_gateway_is_away_no_attempt_is_used_up(joined: Joined) -> None:
    await joined.link.connect()
    joined.story.failures["renew voice"] = [MainGatewayAway("away") for _ in range(20)]
    await joined.link.rejoin()
    assert joined.story.told.count("renew voice") == 21
    assert len(joined.connected) == 2


@pytest.mark.parametrize("full", [False, True])
async def test_after_three_attempts_the_connection_is_lost_and_a_full_channel_is_said(
    joined: Joined, full: bool
) -> None:
    await joined.link.connect()
    joined.story.failures["renew voice"] = [broken() for _ in range(10)]
    joined.play.guild.channels[VOICE].user_limit = 1 if full else 0
    with pytest.raises(VoiceError) as raised:
        await joined.link.rejoin()
    assert isinstance(raised.value, ChannelFull) == full
    assert joined.story.told.count("renew voice") == voice_link.REJOIN_ATTEMPTS == 3


async def test_it_leaves_also_when_joining_has_failed_and_never_where_it_was_not(joined: Joined) -> None:
    await joined.link.leave()
    assert joined.story.told == []
    joined.outcomes = [fails(_closed(4017))]
    with pytest.raises(VoiceClosed):
        await joined.link.connect()
    await joined.link.leave()
    assert joined.story.told == ["join channel", "leave channel"]


async def test_leaving_while_the_gateway_is_away_fails_nobody(joined: Joined) -> None:
    await joined.link.connect()
    joined.story.failures["leave channel"] = [ConnectionResetError()]
    await joined.link.leave()
    assert joined.story.told[-1] == "leave channel"


async def test_a_moved_bot_is_where_discord_says_and_takes_over_that_channels_bit_rate(joined: Joined) -> None:
    await joined.link.connect()
    elsewhere = cast(Any, joined.play.guild.channels[ELSEWHERE])
    elsewhere.bitrate = 96_000
    joined.play.handshake.channel = elsewhere
    assert joined.link.channel is elsewhere
    joined.link.retune()
    assert joined.bitrates == [96_000]


async def test_who_listens_is_counted_without_bots_and_with_what_keeps_them_from_being_heard(joined: Joined) -> None:
    guild, quiet = joined.play.guild, SimpleNamespace(self_mute=True, mute=False, suppress=False)
    guild.people(ANN, BOB, 77)
    guild.members[BOB].bot = True
    guild.channels[VOICE].voice_states[77] = quiet
    guild.me.voice = SimpleNamespace(deaf=False, self_deaf=True)
    assert joined.link.bots == {BOB}
    heard = joined.link.listeners(lambda user_id: user_id == ANN)
    assert heard == Listeners(people=2, with_consent=1, muted=1, bot_deafened=True)

"""A call from its first step to its last: in which order things are asked for, and that every end ends the session."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bot.billing.end_reason import EndReason
from bot.billing.limits import Allowance
from bot.call import call as call_module
from bot.call import supervision
from bot.call.connection import media as media_module
from bot.call.events import CallMoved, CallStarted, HandedOver, ImageShown, LineSaid, NoticeGiven, WarningGiven
from bot.call.state import CallState
from bot.errors import ParleyError, ProviderDown, Refused, VoiceClosed, VoiceError
from bot.media.events import (
    SpeakingChanged,
    Undecryptable,
    Unowned,
    VoicebotSpeaking,
    VoiceLost,
    VoiceResumed,
    VoiceResuming,
)
from bot.media.report import SoundReport
from bot.provider import ShownImage, StoredMessage, Utterance
from bot.room.events import RoomClosed, RoomEnd, RoomReconnected, RoomReconnecting, VoicebotArrived, VoicebotGone
from bot.voice.close_codes import Remedy
from bot.voice.handshake import Disconnected, Moved, ServerChanged
from tests.bot.call.fakes import ANN, BOB, ELSEWHERE, SERVER, VOICE, Play, broken
from tests.bot.conftest import SteadyClock
from tests.support import eventually

Make = Callable[..., Play]
START = ["limits", "plugins asked", "join channel", "connect voice", "open session", "join room"]
END = ["leave room", "end session", "close sound", "leave channel", "plugins done"]


@asynccontextmanager
async def live(play: Play) -> AsyncIterator[Play]:
    """A call that has become live; it is over when the test is."""
    running = asyncio.create_task(play.call.run())
    async with asyncio.timeout(5):
        await play.call.live
    yield play
    play.call.end(EndReason.LEFT)
    async with asyncio.timeout(5):
        await running


def look_often(steady: SteadyClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the guards see each step of the test's clock, and a machine that was awake for all of it."""
    monkeypatch.setattr(supervision, "MAX_INTERVAL", 0.001)
    monkeypatch.setattr(supervision, "time", SimpleNamespace(monotonic=lambda: steady.at))


async def over(play: Play) -> None:
    """Until the call has ended by itself."""
    await eventually(lambda: play.state() is CallState.ENDED, 5)


async def test_what_costs_nothing_comes_before_the_session_and_the_session_ends_first(play: Make) -> None:
    async with live(play()) as a_call:
        assert a_call.story.told == START
        assert a_call.state() is CallState.LIVE
        assert a_call.call.billed_minutes == 1
        assert a_call.observer.of(CallStarted) == [CallStarted()]
    assert a_call.story.told == START + END
    assert a_call.closer.reasons == [EndReason.LEFT]
    assert a_call.state() is CallState.ENDED


@pytest.mark.parametrize(
    ("step", "error", "opened"),
    [
        ("limits", Refused("used up"), False),
        ("plugins asked", Refused("a plugin says no"), False),
        ("connect voice", VoiceClosed(4017, "refused"), False),
        ("open session", ProviderDown("503"), False),
        ("join room", broken(), True),
        ("join room", RuntimeError("a bug"), True),
    ],
)
async def test_whatever_a_start_fails_at_nothing_stays_open(
    play: Make, step: str, error: Exception, opened: bool, caplog: pytest.LogCaptureFixture
) -> None:
    a_call = play()
    a_call.story.failures[step] = [error]
    await a_call.call.run()
    with pytest.raises(ParleyError):
        await a_call.call.live
    assert ("end session" in a_call.story.told) == opened
    assert a_call.story.told[-1] == "plugins done"
    assert ("leave channel" in a_call.story.told) == ("join channel" in a_call.story.told)
    assert a_call.state() is CallState.ENDED
    assert a_call.observer.of(CallStarted) == []


async def test_a_join_that_fails_is_tried_again_before_anything_is_billed(play: Make) -> None:
    a_call = play()
    a_call.story.failures["connect voice"] = [VoiceClosed(4006, "invalid session"), broken()]
    async with live(a_call):
        told = a_call.story.told
        assert told.count("connect voice") == 3
        assert told.count("open session") == 1
        assert told.index("open session") > max(n for n, what in enumerate(told) if what == "connect voice")


@pytest.mark.parametrize("step", ["connect voice", "open session", "join room"])
async def test_an_end_in_the_middle_of_the_start_ends_what_was_opened(play: Make, step: str) -> None:
    a_call = play()
    a_call.story.gates[step] = asyncio.Event()
    running = asyncio.create_task(a_call.call.run())
    await a_call.settle()
    assert a_call.story.told[-1] == step
    a_call.call.end(EndReason.LEFT)
    await a_call.settle()
    a_call.story.gates[step].set()  # a POST that is on its way is waited for: its answer is what can be ended
    async with asyncio.timeout(5):
        await running
    opened = "open session" in a_call.story.told
    assert ("end session" in a_call.story.told) == opened
    assert a_call.state() is CallState.ENDED
    with pytest.raises(ParleyError, match="before it had begun"):
        await a_call.call.live


async def test_a_cancelled_call_ends_its_session(play: Make) -> None:
    a_call = play()
    running = asyncio.create_task(a_call.call.run())
    async with asyncio.timeout(5):
        await a_call.call.live
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "end session" in a_call.story.told
    assert a_call.closer.reasons == [EndReason.FAILED]


async def test_a_step_of_the_end_that_fails_keeps_no_other_from_being_taken(
    play: Make, caplog: pytest.LogCaptureFixture
) -> None:
    a_call = play()
    for step in ("leave room", "close sound", "leave channel"):
        a_call.story.failures[step] = [RuntimeError(step)]
    async with live(a_call):
        pass
    assert a_call.story.told == START + END
    assert caplog.text.count("a step of the ending failed") == 3


async def test_a_room_that_is_not_left_holds_the_session_up_for_a_moment_only(
    play: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "LEAVE_TIMEOUT", 0.01)
    a_call = play()
    a_call.story.gates["leave room"] = asyncio.Event()
    running = asyncio.create_task(a_call.call.run())
    async with asyncio.timeout(5):
        await a_call.call.live
        a_call.call.end(EndReason.LEFT)
        await eventually(lambda: "end session" in a_call.story.told)
        a_call.story.gates["leave room"].set()
        await running


async def test_a_media_loop_that_answers_to_nothing_keeps_no_session_open(
    play: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(media_module, "ANSWER_TIMEOUT", 0.01)
    async with live(play()) as a_call:
        a_call.media[0].stuck = True
        with pytest.raises(VoiceError, match="does not answer"):
            await a_call.call.sound_report()
        await over(a_call)
        assert a_call.closer.reasons == [EndReason.FAILED]
        assert a_call.story.told == [*START, "end session", "leave channel", "plugins done"]
    assert caplog.text.count("the media loop does not answer") == 1


async def test_a_provider_that_has_stored_nonsense_keeps_nobody_from_being_told_of_the_end(
    play: Make, caplog: pytest.LogCaptureFixture
) -> None:
    a_call = play()

    async def messages(reference: str) -> list[object]:
        return [StoredMessage("user", None)]  # type: ignore[arg-type]

    a_call.provider.messages = messages
    async with live(a_call):
        pass
    assert a_call.story.told == START + END
    assert a_call.state() is CallState.ENDED
    assert "a step of the ending failed" in caplog.text


async def test_the_first_reason_stands(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.call.end(EndReason.MOVED, by=BOB)
        a_call.call.end(EndReason.LEFT, by=ANN)
    assert a_call.call.ended_by == BOB
    assert a_call.closer.reasons == [EndReason.MOVED]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (RoomClosed(RoomEnd.ENDED_BY_PROVIDER), EndReason.ROOM_ENDED),
        (RoomClosed(RoomEnd.REPLACED), EndReason.ROOM_REPLACED),
    ],
)
async def test_a_room_that_is_over_ends_the_call(play: Make, event: RoomClosed, reason: EndReason) -> None:
    async with live(play()) as a_call:
        a_call.happens(event)
        await over(a_call)
    assert a_call.closer.reasons == [reason]


async def test_a_room_that_is_lost_is_joined_again(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(RoomClosed(RoomEnd.CONNECTION_LOST))
        await a_call.settle()
        assert a_call.story.told.count("join room") == 2
        assert a_call.state() is CallState.LIVE
        a_call.happens(RoomClosed(RoomEnd.CONNECTION_LOST))  # it has not held
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.ROOM_LOST]


async def test_a_repair_that_is_going_on_is_given_up_with_the_call(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.story.gates["join room"] = asyncio.Event()
        a_call.happens(RoomClosed(RoomEnd.CONNECTION_LOST))
        await a_call.settle()
        assert a_call.story.told.count("join room") == 2
        a_call.call.end(EndReason.LEFT)
        await over(a_call)
        assert [task.get_name() for task in asyncio.all_tasks() if "repair" in task.get_name()] == []


async def test_a_voice_session_that_is_lost_is_joined_anew(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(VoiceLost(SERVER, Remedy.FRESH_SESSION, "invalid session"))
        await a_call.settle()
        assert a_call.story.told[len(START) :] == ["renew voice", "connect voice"]
        assert a_call.state() is CallState.LIVE
        a_call.happens(VoiceLost(SERVER, Remedy.GIVE_UP, "too old a protocol"))
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.VOICE_LOST]


async def test_a_voice_server_that_discord_replaces_is_used_without_joining_anew(play: Make) -> None:
    async with live(play()) as a_call:
        other = replace(SERVER, endpoint="other.example")
        a_call.handshake.latest = other
        a_call.handshake.listener(ServerChanged(other))
        await a_call.settle()
        assert a_call.story.told[len(START) :] == ["connect voice"]
        assert a_call.state() is CallState.LIVE
        a_call.handshake.listener(ServerChanged(replace(other, channel_id=ELSEWHERE)))
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.MOVED]


async def test_a_room_that_livekit_repairs_is_a_reconnection(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(RoomReconnecting())
        await a_call.settle()
        assert a_call.state() is CallState.RECONNECTING
        a_call.happens(RoomReconnected())
        await a_call.settle()
        assert a_call.state() is CallState.LIVE
        assert a_call.story.told == START


async def test_a_voice_session_that_is_being_resumed_is_a_reconnection(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(VoiceResuming())
        await a_call.settle()
        assert a_call.state() is CallState.RECONNECTING
        a_call.happens(VoiceResumed())
        await a_call.settle()
        assert a_call.state() is CallState.LIVE


async def test_a_gateway_that_is_back_in_time_ends_nothing(
    play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(steady, monkeypatch)
    async with live(play("{first_audio_limit: 0, silence_limit: 0}")) as a_call:
        a_call.happens(VoicebotArrived())
        await a_call.settle()
        a_call.call.on_gateway(connected=False)
        steady.at += 200
        await asyncio.sleep(0.02)
        a_call.call.on_gateway(connected=True)
        steady.at += 200
        await asyncio.sleep(0.02)
        assert a_call.state() is CallState.LIVE
        a_call.call.on_gateway(connected=False)
        steady.at += 400
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.GATEWAY_LOST]


async def test_another_bot_that_plays_music_is_no_conversation(
    play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(steady, monkeypatch)
    async with live(play("{first_audio_limit: 0, silence_limit: 120}")) as a_call:
        a_call.guild.members[BOB].bot = True
        a_call.guild.people(ANN, BOB)
        a_call.call.update_bots()
        a_call.happens(VoicebotArrived())
        await a_call.settle()
        steady.at += 60
        a_call.happens(SpeakingChanged(BOB, True, 0.0))
        await a_call.settle()
        steady.at += 70
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.SILENCE]


async def test_a_moderators_kick_ends_it(play: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "DELETION_TIMEOUT", 0.0)
    async with live(play()) as a_call:
        a_call.handshake.listener(Disconnected())
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.DISCONNECTED]


async def test_a_moderators_move_ends_it_or_is_followed(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.handshake.listener(Moved(ELSEWHERE))
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.MOVED]

    async with live(play("{follow_moves: true}")) as a_call:
        a_call.handshake.channel = a_call.guild.channels[ELSEWHERE]
        a_call.handshake.listener(Moved(ELSEWHERE))
        await a_call.settle()
        assert a_call.observer.of(CallMoved) == [CallMoved()]
        assert a_call.call.voice_channel_id == a_call.call.request.channel.id == ELSEWHERE
        assert a_call.state() is CallState.LIVE


async def test_a_move_that_comes_while_it_is_being_started_ends_it(play: Make) -> None:
    a_call = play()
    a_call.story.gates["open session"] = asyncio.Event()
    running = asyncio.create_task(a_call.call.run())
    await a_call.settle()
    a_call.handshake.listener(Moved(ELSEWHERE))
    a_call.story.gates["open session"].set()
    async with asyncio.timeout(5):
        await running
    assert a_call.closer.reasons == [EndReason.MOVED]


async def test_lines_and_pictures_reach_the_plugins_also_those_that_came_with_the_end(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(Utterance("voicebot", "Hello", True))
        await a_call.settle()
        a_call.story.gates["leave room"] = asyncio.Event()
        a_call.call.end(EndReason.LEFT)
        await a_call.settle()
        assert a_call.story.told[-1] == "leave room"
        a_call.happens(ShownImage("dinosaur", None))
        a_call.story.gates["leave room"].set()
    assert [event.line.text for event in a_call.observer.of(LineSaid)] == ["Hello"]
    assert [event.image.key for event in a_call.observer.of(ImageShown)] == ["dinosaur"]


async def test_lines_that_the_provider_kept_and_nobody_saw_are_told_at_the_end(play: Make) -> None:
    a_call = play()

    async def messages(reference: str) -> list[StoredMessage]:
        return [StoredMessage("user", "Hello?"), StoredMessage("voicebot", "Welcome!")]

    a_call.provider.messages = messages
    async with live(a_call):
        a_call.happens(Utterance("user", "Hello?", True))
        await a_call.settle()
    assert [event.line.text for event in a_call.observer.of(LineSaid)] == ["Hello?", "Welcome!"]


async def test_who_spoke_is_named_in_the_line(play: Make) -> None:
    async with live(play()) as a_call:
        now = asyncio.get_running_loop().time()
        a_call.happens(SpeakingChanged(ANN, True, now - 2))
        a_call.happens(SpeakingChanged(ANN, False, now - 1))
        a_call.happens(Utterance("user", "Hello?", True))
        await a_call.settle()
    (said,) = a_call.observer.of(LineSaid)
    assert said.line.speakers == (ANN,)


async def test_since_when_nobody_was_heard(play: Make, steady: SteadyClock) -> None:
    async with live(play()) as a_call:
        assert a_call.call.since_heard is None
        a_call.happens(SpeakingChanged(ANN, True, 0.0))
        await a_call.settle()
        steady.at = 1005.0
        assert a_call.call.since_heard == 0.0
        a_call.happens(SpeakingChanged(ANN, False, 0.0))
        await a_call.settle()
        steady.at = 1015.0
        assert a_call.call.since_heard == 10.0


async def test_people_are_told_of_sound_that_cannot_be_used(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(Undecryptable(ANN))
        a_call.happens(Unowned())
        await a_call.settle()
    undecryptable, unowned = a_call.observer.of(WarningGiven)
    assert f"<@{ANN}>" in undecryptable.text
    assert "does not say who it is" in unowned.text


async def test_nobody_is_heard(play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the limit passes and people are told why; then the call ends, unless somebody was heard."""
    monkeypatch.setattr(supervision, "MAX_INTERVAL", 0.001)
    async with live(play("{first_audio_limit: 60}")) as a_call:
        a_call.media[0].numbers = SoundReport()
        a_call.happens(VoicebotArrived())
        steady.at = 1031.0
        await eventually(lambda: bool(a_call.observer.of(WarningGiven)))
        (warning,) = a_call.observer.of(WarningGiven)
        assert "I have heard nobody yet. No sound arrives" in warning.text
        steady.at = 1061.0
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.NOBODY_HEARD]


async def test_its_time_is_used_up(play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "MAX_INTERVAL", 0.001)
    allowance = Allowance(600.0, "this server's time per call", EndReason.LIMIT)
    async with live(play("{first_audio_limit: 0}", allowance=allowance)) as a_call:
        a_call.happens(VoicebotArrived())
        steady.at = 1000.0 + 490.0
        await eventually(lambda: bool(a_call.observer.of(WarningGiven)))
        assert "80 %" in a_call.observer.of(WarningGiven)[0].text
        steady.at = 1000.0 + 600.0
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.LIMIT]


async def test_a_voicebot_that_never_comes(play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "MAX_INTERVAL", 0.001)
    async with live(play("{voicebot_arrival: 30, first_audio_limit: 0}")) as a_call:
        assert not a_call.call.voicebot_there
        steady.at = 1031.0
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.VOICEBOT_MISSING]


async def test_a_voicebot_that_goes_and_comes_back(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.happens(VoicebotArrived())
        a_call.happens(VoicebotGone())
        await a_call.settle()
        assert not a_call.call.voicebot_there
        a_call.happens(VoicebotArrived())
        a_call.happens(VoicebotSpeaking(True, 0.0))
        await a_call.settle()
        assert a_call.call.voicebot_there
        assert a_call.call.participants.voicebot_spoke


async def test_a_voicebot_that_does_not_come_back(
    play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "MAX_INTERVAL", 0.001)
    async with live(play("{voicebot_return: 30, first_audio_limit: 0}")) as a_call:
        a_call.happens(VoicebotArrived())
        a_call.happens(VoicebotGone())
        await a_call.settle()
        steady.at += 31.0
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.VOICEBOT_GONE]


async def test_while_the_voicebot_speaks_there_is_no_silence(
    play: Make, steady: SteadyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(steady, monkeypatch)
    async with live(play("{silence_limit: 100, first_audio_limit: 0}")) as a_call:
        a_call.happens(VoicebotArrived())
        a_call.happens(VoicebotSpeaking(True, 0.0))
        await a_call.settle()
        for _ in range(25):
            steady.at += 10.0
            await a_call.settle()
        assert a_call.state() is CallState.LIVE
        a_call.happens(VoicebotSpeaking(False, 0.0))
        await a_call.settle()
        for _ in range(11):
            steady.at += 10.0
            await a_call.settle()
        await over(a_call)
    assert a_call.closer.reasons == [EndReason.SILENCE]


async def test_consent_reaches_what_decrypts(play: Make) -> None:
    async with live(play("{consent: asked}")) as a_call:
        assert not a_call.call.consent.allows(ANN)
        await a_call.call.set_consent(ANN, True)
        assert a_call.call.consent.allows(ANN)
        assert a_call.story.told[-1] == f"consent {ANN} True"
        assert a_call.media[0].sound.ask_first


async def test_another_bot_in_the_channel_is_not_heard(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.guild.members[BOB].bot = True
        a_call.guild.people(ANN, BOB)
        a_call.call.update_bots()
        a_call.call.update_bots()
        assert a_call.story.told.count(f"bots [{BOB}]") == 1
        assert not a_call.call.consent.allows(BOB)


async def test_a_new_host_may_interrupt(play: Make) -> None:
    async with live(play("{interrupt: starter}")) as a_call:
        assert a_call.media[0].sound.may_interrupt == frozenset({ANN})
        a_call.call.hand_over(BOB)
        assert a_call.call.host_id == BOB
        assert a_call.observer.of(HandedOver) == [HandedOver(ANN)]
        assert a_call.story.told[-1] == f"interrupters [{BOB}]"


async def test_a_permission_that_goes_and_comes_back_is_told_once_each(play: Make) -> None:
    async with live(play()) as a_call:
        a_call.guild.permissions.speak = False
        a_call.call.check_permissions()
        a_call.call.check_permissions()
        a_call.guild.permissions.speak = True
        a_call.call.check_permissions()
    (warning,) = a_call.observer.of(WarningGiven)
    assert "**Speak**" in warning.text
    assert len(a_call.observer.of(NoticeGiven)) == 1


async def test_an_end_that_is_not_confirmed_is_told(play: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_confirmed(task: object, *, hurry: bool) -> bool:
        return False

    monkeypatch.setattr(call_module, "confirmed", not_confirmed)
    async with live(play()) as a_call:
        pass
    (warning,) = a_call.observer.of(WarningGiven)
    assert "has not confirmed the end" in warning.text


async def test_it_is_in_the_channel_it_was_asked_for(play: Make) -> None:
    async with live(play()) as a_call:
        assert (a_call.call.voice_channel_id, a_call.call.starter_id) == (VOICE, ANN)
        assert a_call.call.voicebot_name == "Guide"

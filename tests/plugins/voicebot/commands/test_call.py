"""The commands of people in a call, as discord.py gets them from Discord."""

from pathlib import Path

import pytest

from bot.billing.end_reason import EndReason
from bot.billing.limits import Budget
from bot.call.state import CallState
from bot.call.turns import Turn
from bot.errors import Refused
from bot.media.consent import Consent
from bot.media.report import SoundReport, SpeakerReport
from plugins.voicebot.commands.cooldown import MAX_COMMANDS
from tests.plugins.voicebot.commands.host import Server, playing

NO_CALL = "There is no call on this server. `/voicebot join` starts one."


async def test_join_brings_the_usual_voicebot_to_where_its_person_is(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    answer = await server.type(server.ben, "voicebot join")
    assert answer == f"**Guide** is in {server.voice.mention}. Just talk. `/voicebot leave` ends the call."
    (request,) = server.calls.requests
    assert (request.channel.id, request.text_channel_id) == (server.voice.id, server.text.id)
    assert (request.starter_id, request.voicebot, request.participant) == (server.ben.id, "guide", "A server")


async def test_join_takes_a_channel_and_a_voicebot(tmp_path: Path) -> None:
    text = "defaults: {voicebots: {poet: 66f0, painter: 66f1}, voicebot: painter}\n"
    async with playing(tmp_path, text) as server:
        garden = server.guild.create_voice_channel("Garden")
        await server.ben.join_voice(garden)
        assert await server.choices(server.ann, "voicebot join", "voicebot", "po") == ["poet"]
        assert await server.choices(server.ann, "voicebot join", "voicebot", "") == ["poet", "painter"]
        await server.type(server.ann, "voicebot join", channel=garden, voicebot="poet")
        (request,) = server.calls.requests
        assert (request.channel.id, request.voicebot) == (garden.id, "66f0")


async def test_words_go_where_the_server_wants_them(tmp_path: Path) -> None:
    async with playing(tmp_path) as server:
        talk = server.guild.create_text_channel("transcripts")
        await server.bot.change_settings(server.guild.id, {("text_channel",): talk.id})
        await server.ben.join_voice(server.voice)
        await server.type(server.ben, "voicebot join")
        assert server.calls.requests[0].text_channel_id == talk.id


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("nowhere", "Join a voice channel first, or name one: `/voicebot join channel:`."),
        ("on a stage", "I cannot talk on a stage. Join an ordinary voice channel instead."),
        ("elsewhere", "Join {voice} yourself first: what is said there is heard and written down."),
        ("outside", "You may not join that voice channel yourself, so I do not join it for you."),
    ],
)
async def test_join_refuses(server: Server, where: str, answer: str) -> None:
    options: dict[str, object] = {}
    if where == "on a stage":
        await server.ben.join_voice(server.guild.create_stage_channel("Stage"))
    elif where == "elsewhere":
        await server.ann.join_voice(server.voice)
        options = {"channel": server.voice}
    elif where == "outside":
        closed = await server.closed_channel(connect=False)
        await server.ann.join_voice(closed)
        options = {"channel": closed}
    assert await server.type(server.ben, "voicebot join", **options) == answer.format(voice=server.voice.mention)
    assert server.calls.requests == []


async def test_join_goes_into_no_empty_channel(server: Server) -> None:
    answer = await server.type(server.ann, "voicebot join", channel=server.voice)
    assert answer == f"There is nobody in {server.voice.mention} to talk with. Join it first."


async def test_only_those_with_a_role_may_start_calls_where_the_server_wants_that(server: Server) -> None:
    role = server.guild.create_role("Callers")
    cyd = server.guild.add_member(server.env.create_user("Cyd"), roles=[role])
    await server.bot.change_settings(server.guild.id, {("access", "start"): [role.id]})
    for person, count in ((server.ben, 0), (cyd, 1)):
        await person.join_voice(server.voice)
        await server.type(person, "voicebot join")
        assert len(server.calls.requests) == count
    assert server.calls.requests[0].starter_roles[-1] == role.id


async def test_why_a_call_cannot_begin_is_told_to_who_asked_alone(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    server.calls.refusal = Refused("The provider is away.")
    assert await server.type(server.ben, "voicebot join") == "The provider is away."
    assert server.text.history() == []


async def test_who_asks_again_and_again_is_to_wait(server: Server) -> None:
    for _ in range(MAX_COMMANDS):
        assert "Join a voice channel first" in await server.type(server.ben, "voicebot join")
    assert "Not so fast: try again in" in await server.type(server.ben, "voicebot join")
    assert "Join a voice channel first" in await server.type(server.ann, "voicebot join")
    assert await server.type(server.ben, "voicebot leave") == NO_CALL  # what saves money waits for nothing


async def test_leave_ends_the_call_before_it_answers(server: Server) -> None:
    call = server.call(server.ben)
    answer = await server.type(server.ben, "voicebot leave")
    assert answer == f"Leaving {server.voice.mention}. The receipt follows here in a moment."
    assert call.ended == [(EndReason.LEFT, server.ben.id)]
    assert await server.type(server.ben, "voicebot leave") == NO_CALL  # it is ending already


async def test_leave_is_refused_to_those_who_may_not(server: Server) -> None:
    role = server.guild.create_role("Stewards")
    await server.bot.change_settings(server.guild.id, {("access", "stop"): [role.id]})
    call = server.call(server.ann)
    answer = await server.type(server.ben, "voicebot leave")
    assert answer == f"Only {role.mention} and {server.ann.mention}, who started it, may end this call."
    assert call.ended == []


async def test_leave_ends_a_test(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    test = await server.calls.start_test(server.channel(), server.ben.id, server.bot.config)
    assert await server.type(server.ben, "voicebot leave") == "The test ends. What it found follows."
    assert test.over.is_set()


async def test_mute_and_unmute_are_the_persons_own(server: Server) -> None:
    call = server.call(server.ann)
    assert "nothing you say is decrypted" in await server.type(server.ben, "voicebot mute")
    assert not call.consent.allows(server.ben.id)
    assert call.consent.allows(server.ann.id)
    assert "I hear you from now on" in await server.type(server.ben, "voicebot unmute")
    assert call.consent.allows(server.ben.id)


@pytest.mark.parametrize("command", ["leave", "mute", "unmute", "status"])
async def test_without_a_call_each_says_how_to_start_one(server: Server, command: str) -> None:
    assert await server.type(server.ben, f"voicebot {command}") == NO_CALL


async def test_status_tells_state_time_and_what_is_left(server: Server) -> None:
    server.call(server.ann)
    server.calls.left = [Budget("server", "day", 60, 12)]
    answer = await server.type(server.ben, "voicebot status")
    assert "live" in answer
    assert "12" in answer
    assert "packets" not in answer


async def test_details_are_for_those_who_see_the_channel(server: Server) -> None:
    hidden = await server.closed_channel(view_channel=False)
    call = server.call(server.ann, sound=SoundReport(speakers=(SpeakerReport(server.ann.id, packets=50),)))
    assert "50 packets" in await server.type(server.ben, "voicebot status", details=True)
    call.channel = server.channel(hidden)
    assert "You cannot see that voice channel" in await server.type(server.ben, "voicebot status", details=True)
    assert "50 packets" in await server.type(server.ann, "voicebot status", details=True)


async def test_details_say_how_long_the_last_answer_took(server: Server) -> None:
    server.call(server.ann, turns=(Turn(carried_in=0.06, line=0.4, voice=0.9, heard=0.95),))
    answer = await server.type(server.ben, "voicebot status", details=True)
    assert "Last answer: heard after 1010 ms, 900 ms at the voicebot (the line after 400 ms) and 110 ms" in answer
    assert "Last answer" not in await server.type(server.ben, "voicebot status")


async def test_status_of_a_call_that_is_over_and_still_billed(server: Server) -> None:
    server.calls.billed = server.call(server.ann, state=CallState.ENDED)
    server.calls.call = None
    assert "billed" in await server.type(server.ben, "voicebot status")


async def test_where_a_plugin_is_off_its_commands_are(server: Server) -> None:
    await server.bot.change_settings(server.guild.id, {("plugins", "voicebot", "enabled"): False})
    assert await server.type(server.ben, "voicebot join") == "`voicebot` is switched off on this server."


async def test_people_are_asked_first_where_the_server_wants_that(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    call = server.call(server.ann, consent=Consent(ask_first=True))
    assert not call.consent.allows(server.ben.id)
    await server.type(server.ben, "voicebot unmute")
    assert call.consent.allows(server.ben.id)

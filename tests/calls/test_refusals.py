"""What the person who asked reads when it does not work; and that nothing is billed then."""

import json
from decimal import Decimal

import pytest

from sandbox.valsea.faults import Fault
from tests.running_bot import RunningBot
from tests.support import eventually


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("open", status=400, message="voicebotId is required"), "did not accept the request"),
        (Fault("open", status=400, message="bad", shape="message"), "Is the voicebot's id right?"),
        (Fault("open", status=401), "does not accept this bot's API key"),
        (Fault("open", status=402), "out of credits"),
        (Fault("open", status=403), "another Valsea organisation"),
        (Fault("open", status=404), "knows no such voicebot"),
        (Fault("open", status=404, html=True), "is not its API"),
        (Fault("open", status=429, retry_after=17), "Try again in 17 seconds"),
        (Fault("open", status=429), "Try again in a minute"),
        (Fault("open", status=500), "problem of its own (error 500)"),
        (Fault("open", status=503, html=True), "problem of its own (error 503)"),
        (Fault("open", drop=True), "did not answer"),
        (Fault("open", garbage=b"<<<not json>>>"), "could not be understood"),
        (Fault("open", garbage=b"[]"), "could not be understood"),
    ],
)
async def test_every_refusal_of_the_provider_in_the_users_words(
    impatient_bot: RunningBot, fault: Fault, words: str
) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    impatient_bot.stage.valsea.faults.clear()
    impatient_bot.plan(fault)
    billed = len(impatient_bot.organisation.meters)
    posts = len(_posts(impatient_bot))
    reply = await impatient_bot.command(place, ann, "voicebot join")
    assert words in reply
    assert len(reply) < 300
    assert len(_posts(impatient_bot)) == posts + 1  # a POST is never repeated
    assert len(impatient_bot.organisation.meters) == billed
    assert impatient_bot.posts(place) == []  # it is private
    world = impatient_bot.stage.discord.world
    await eventually(lambda: world.voice_channel_of(place.guild_id, impatient_bot.account.user_id) is None)


async def test_a_slow_provider_is_not_asked_twice(ordinary_bot: RunningBot) -> None:
    slow = ordinary_bot
    place = await slow.place_with(plugins={"valsea": {"timeout": 1.0}})
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    slow.plan(Fault("open", delay=3.0))
    posts = len(_posts(slow))
    reply = await slow.command(place, ann, "voicebot join")
    assert "may have opened a session" in reply
    assert len(_posts(slow)) == posts + 1


async def test_a_session_whose_answer_lacks_the_token_is_ended(impatient_bot: RunningBot) -> None:
    """The provider bills it, and its answer names the room: that is enough to end it."""
    place = impatient_bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    before = len(impatient_bot.stage.valsea.requests)
    answer = json.dumps({"sessionId": "1", "roomName": "ext-vb-half"}).encode()
    impatient_bot.plan(Fault("open", garbage=answer))
    reply = await impatient_bot.command(place, ann, "voicebot join")
    assert "could not be understood" in reply
    path = "/v1/voicebot-livekit/session/ext-vb-half"
    await eventually(lambda: any(r[:2] == ("DELETE", path) for r in impatient_bot.stage.valsea.requests[before:]), 5)


async def test_out_of_credits_for_real(ordinary_bot: RunningBot) -> None:
    place = ordinary_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    balance, ordinary_bot.organisation.credits = ordinary_bot.organisation.credits, Decimal(0)
    try:
        assert "out of credits" in await ordinary_bot.command(place, place.people[0], "voicebot join")
    finally:
        ordinary_bot.organisation.credits = balance


async def test_a_voice_channel_is_needed(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    assert "Join a voice channel first" in reply


async def test_a_stage_is_no_place_for_a_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    stage = impatient_bot.stage.discord.world.create_stage_channel(place.guild_id, "Stage")
    await ann.join(place.guild_id, stage)
    billed = len(impatient_bot.organisation.meters)
    assert "cannot talk on a stage" in await impatient_bot.command(place, ann, "voicebot join")
    assert len(impatient_bot.organisation.meters) == billed


async def test_a_channel_can_be_named(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    ann, bob = place.people
    await bob.join(place.guild_id, place.voice_id)
    reply = await impatient_bot.command(place, ann, "voicebot join", channel=place.voice_id)
    assert "yourself first" in reply  # nobody has others listened to where they are not themselves
    impatient_bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    reply = await impatient_bot.command(place, ann, "voicebot join", channel=place.voice_id)
    assert "Just talk" in reply
    await impatient_bot.command(place, ann, "voicebot leave")


async def test_leave_and_status_without_a_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    for command in ("voicebot leave", "voicebot status"):
        assert "There is no call" in await impatient_bot.command(place, place.people[0], command)


@pytest.mark.parametrize(
    ("permission", "name"), [("speak", "Speak"), ("connect", "Connect"), ("use_voice_activation", "Voice Activity")]
)
async def test_missing_voice_permissions_are_named(impatient_bot: RunningBot, permission: str, name: str) -> None:
    place = impatient_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    impatient_bot.stage.discord.world.deny(place.voice_id, impatient_bot.account.user_id, permission)
    billed = len(impatient_bot.organisation.meters)
    reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    assert name in reply
    assert len(impatient_bot.organisation.meters) == billed


async def test_missing_text_permissions_are_named(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    impatient_bot.stage.discord.world.deny(place.text_id, impatient_bot.account.user_id, "send_messages", "embed_links")
    reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    assert "Send Messages" in reply
    assert "Embed Links" in reply


async def test_no_keys_no_session(impatient_bot: RunningBot) -> None:
    """A voice server that never starts DAVE: the bot would hear nobody, so nothing is opened."""
    place = impatient_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    billed, sockets = len(impatient_bot.organisation.meters), impatient_bot.voice_sockets()
    impatient_bot.stage.discord.voice.hold_dave = True
    try:
        reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    finally:
        impatient_bot.stage.discord.voice.hold_dave = False
    assert "end-to-end encryption could not be agreed" in reply
    assert len(impatient_bot.organisation.meters) == billed
    await eventually(lambda: impatient_bot.voice_sockets() == sockets)


async def test_a_firewall_in_the_way(impatient_bot: RunningBot) -> None:
    """The websocket works, UDP does not: people are told, and the socket that failed is closed."""
    place = impatient_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    billed, sockets = len(impatient_bot.organisation.meters), impatient_bot.voice_sockets()
    impatient_bot.stage.discord.voice.udp_blocked = True
    try:
        reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    finally:
        impatient_bot.stage.discord.voice.udp_blocked = False
    assert "A firewall may block outgoing UDP" in reply
    assert len(impatient_bot.organisation.meters) == billed
    await eventually(lambda: impatient_bot.voice_sockets() == sockets)


@pytest.mark.parametrize("code", [4017, 4021, 4004])
async def test_a_voice_server_that_refuses(impatient_bot: RunningBot, code: int) -> None:
    from bot.voice.close_codes import explain

    place = impatient_bot.place()
    await place.people[0].join(place.guild_id, place.voice_id)
    billed = len(impatient_bot.organisation.meters)
    impatient_bot.stage.discord.voice.reject_with = code
    try:
        reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    finally:
        impatient_bot.stage.discord.voice.reject_with = None
    assert explain(code).meaning in reply
    assert len(impatient_bot.organisation.meters) == billed


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_the_key_is_in_no_log_and_no_message(impatient_bot: RunningBot, level: str) -> None:
    bot = impatient_bot if level == "INFO" else await _talkative(impatient_bot)
    place = bot.place()
    session = await bot.start_call(place)
    said = {"type": "transcript", "isComplete": True, "role": "user", "text": "my diagnosis is private"}
    session.send_packet(session.room, json.dumps(said).encode())
    await eventually(lambda: "my diagnosis" in json.dumps(bot.posts(place)))
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    log = bot.log()
    assert ("DEBUG" in log) == (level == "DEBUG")
    assert bot.key not in log
    assert bot.account.token not in log
    assert "eyJ" not in log
    assert "my diagnosis" not in log
    assert "webhooks/" not in log  # an interaction's token is in the path
    assert bot.key not in json.dumps(bot.posts(place))


async def _talkative(impatient_bot: RunningBot) -> RunningBot:
    account, key = impatient_bot.stage.account(), impatient_bot.stage.valsea.create_key("test")
    process = impatient_bot.stage.bot(account, key, development=False)
    await process.start({**impatient_bot.stage.config(), "log": {"level": "DEBUG"}})
    return RunningBot(impatient_bot.stage, account, key, process)


def _posts(bot: RunningBot) -> list[tuple[str, str, float]]:
    return [request for request in bot.stage.valsea.requests if request[0] == "POST"]


async def test_an_error_after_the_session_was_opened(impatient_bot: RunningBot) -> None:
    """A 500 may come after the provider has acted; nobody is told to just try again."""
    place = impatient_bot.place()
    impatient_bot.plan(Fault("open", status=500, when="after"))
    await place.people[0].join(place.guild_id, place.voice_id)
    reply = await impatient_bot.command(place, place.people[0], "voicebot join")
    assert "may have opened a session all the same" in reply
    assert "may be open and billed" in impatient_bot.log()
    for room in impatient_bot.organisation.running():  # as its owner would, in the provider's dashboard
        impatient_bot.organisation.close(room, 0.0)


async def test_a_channel_that_the_person_may_not_enter(impatient_bot: RunningBot) -> None:
    """Else the transcript would be a way to listen behind closed doors."""
    place = impatient_bot.place("Ann", "Boss")
    ann, boss = place.people
    await boss.join(place.guild_id, place.voice_id)
    impatient_bot.stage.discord.world.deny(place.voice_id, ann.user_id, "connect")
    reply = await impatient_bot.command(place, ann, "voicebot join", channel=place.voice_id)
    assert "You may not join that voice channel yourself" in reply


async def test_a_channel_with_nobody_in_it(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    reply = await impatient_bot.command(place, place.people[0], "voicebot join", channel=place.voice_id)
    assert "There is nobody in" in reply


async def test_a_server_where_it_is_switched_off(ordinary_bot: RunningBot) -> None:
    place = await ordinary_bot.place_with(plugins={"voicebot": {"enabled": False}})
    await place.people[0].join(place.guild_id, place.voice_id)
    assert "switched off on this server" in await ordinary_bot.command(place, place.people[0], "voicebot join")
    assert ordinary_bot.opened == []

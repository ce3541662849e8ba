"""The table: each behaviour with where it is known from, and what it does to a call on the stand-ins.

Sources: "docs" is Discord's, Valsea's or LiveKit's documentation; a library's name is its source code; "reports" are
issues and forum threads of people who run bots, each of them more than one.
"""

import asyncio

from sandbox.discord.rest import Fault

from . import Row, Scene, Step


def refusing(method: str, status: int, times: int, wait: float | None = None, **body: object) -> Step:
    """Discord answers the next requests about the text channel so."""

    def apply(scene: Scene) -> None:
        path = f"/channels/{scene.place.text_id}/messages*"
        scene.stage.discord.rest.faults.append(Fault(method, path, status, dict(body), times, wait))

    return apply


async def _region_moves(scene: Scene) -> None:
    await asyncio.sleep(0.4)
    scene.stage.discord.change_voice_server(scene.place.guild_id, scene.bot_id)


async def _region_moves_twice_while_joining(scene: Scene) -> None:
    """As soon as the first server was named, and once more."""
    world = scene.stage.discord.world
    while world.voice_channel_of(scene.place.guild_id, scene.bot_id) is None:
        await asyncio.sleep(0.002)
    for _ in range(2):
        await asyncio.sleep(0.05)
        scene.stage.discord.change_voice_server(scene.place.guild_id, scene.bot_id)


def closing(code: int) -> Step:
    """The voice websocket is closed in mid-word."""

    async def apply(scene: Scene) -> None:
        await asyncio.sleep(0.4)
        if code == 4006:
            scene.stage.discord.voice.forget_sessions(scene.place.guild_id, scene.bot_id)
        else:
            scene.stage.discord.voice.close_sockets(scene.place.guild_id, scene.bot_id, code)

    return apply


async def _comes_back(scene: Scene) -> None:
    """The person leaves and is back at once; the news of their leaving comes when they are heard again."""
    (ann,) = scene.place.people
    scene.voice.late_disconnect = 0.6
    await ann.leave()
    await ann.join(scene.place.guild_id, scene.place.voice_id)
    await ann.keys()


async def _another_sender(scene: Scene) -> None:
    room = scene.stage.discord.voice.rooms[scene.place.voice_id]
    room.route(room.group.change_sender())
    (ann,) = scene.place.people
    await asyncio.sleep(0.5)
    await ann.keys()


async def _people_come_and_go(scene: Scene) -> None:
    stage, place = scene.stage, scene.place
    crowd = [stage.newcomer(place, f"Guest {number}") for number in range(3)]
    await asyncio.gather(*(person.join(place.guild_id, place.voice_id) for person in crowd))
    for person in crowd:
        await person.leave()
    del place.people[1:]
    await asyncio.sleep(0.3)


async def _gateway_drops(scene: Scene) -> None:
    await asyncio.sleep(0.3)
    scene.stage.discord.gateway.drop(scene.bot.account)


async def _gateway_forgets(scene: Scene) -> None:
    await asyncio.sleep(0.3)
    scene.stage.discord.gateway.drop(scene.bot.account, resumable=False)


async def _gateway_is_back(scene: Scene) -> None:
    while not scene.stage.discord.gateway.sessions_of(scene.bot.account):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


def latency(seconds: float) -> Step:
    """Both gateways' messages take so long."""

    def apply(scene: Scene) -> None:
        scene.stage.discord.gateway.latency = scene.stage.discord.voice.latency = seconds

    return apply


def _muted_meanwhile(scene: Scene) -> None:
    """News of the bot's own voice state that has nothing to do with anything."""
    scene.stage.discord.world.refresh_voice_state(scene.place.guild_id, scene.bot_id)


async def _agent_restarts(scene: Scene) -> None:
    session, worker = scene.session, scene.stage.worker
    assert session is not None
    assert worker is not None
    session.arrived.clear()
    worker.leave(session.id)
    await asyncio.sleep(1.0)
    scene.stage.valsea.bring_voicebot(session)
    await session.arrived.wait()


def _forum(scene: Scene) -> None:
    scene.place.text_id = scene.stage.discord.world.create_forum(scene.place.guild_id, "forum")


def _afk(scene: Scene) -> None:
    scene.stage.discord.world.set_afk_channel(scene.place.guild_id, scene.place.voice_id)


def _full(scene: Scene) -> None:
    world = scene.stage.discord.world
    world.set_user_limit(scene.place.voice_id, 1)
    world.deny(scene.place.voice_id, scene.bot_id, "move_members", "manage_channels")


DISCORD_VOICE = (
    Row("nothing unusual", "docs"),
    Row("SPEAKING is not replayed to who comes", "reports; discord.py", voice={"introduces_present": False}),
    Row(
        "SPEAKING is never sent of anybody",
        "reports; discord.js",
        voice={"introduces_present": False, "introduces_speakers": False},
    ),
    Row("SPEAKING comes two seconds late", "reports", voice={"introduction_delay": 2.0}),
    Row("clients are never announced (opcode 11)", "discord.py before v8", voice={"announces": False}),
    Row("the voice server is named before the voice state", "discord.py; discord.js", voice={"server_first": True}),
    Row("4006 to the first IDENTIFY", "reports; discord.py tries five times", voice={"refuse_identifies": 1}),
    Row("4006 to the first three", "reports; discord.py tries five times", voice={"refuse_identifies": 3}),
    Row("4006 to every IDENTIFY", "reports", voice={"refuse_identifies": 99}, refused=True),
    Row("4009 to the first", "docs", voice={"refuse_identifies": 1, "refuse_with": 4009}),
    Row("4014 to the first", "docs", voice={"refuse_identifies": 1, "refuse_with": 4014}),
    Row("session description after three seconds", "reports", voice={"description_delay": 3.0}),
    Row("opcodes and fields that nobody knows", "docs; discord.js", voice={"strange_messages": True}),
    Row("acknowledgements of heartbeats late", "reports", voice={"acknowledgement_delay": 1.5}),
    Row("opcode 13 of an old session comes late", "reports", live=_comes_back),
    Row("DAVE's messages half a second late", "docs", voice={"dave_delay": 0.5}),
    Row("DAVE's messages twice", "libdave", voice={"dave_twice": True}),
    Row("the first transition is 0", "docs", voice={"first_transition": 0}),
    Row("transitions count over at 65535", "docs", voice={"first_transition": 65_534}),
    Row("another external sender in mid-call", "docs", live=_another_sender),
    Row("people come and go", "reports", live=_people_come_and_go),
    Row("nothing is sent to who has sent nothing", "reports; RFC 4787", voice={"sends_to_who_sent": True}),
    Row("padding behind every packet", "RFC 3550", voice={"padding": 255}),
    Row("packets of padding alone", "RFC 3550; WebRTC", voice={"noise": frozenset({"padding"})}),
    Row("header extensions of two bytes", "RFC 8285", voice={"extension": "two bytes"}),
    Row("header extensions that nobody knows", "RFC 3550", voice={"extension": "unknown"}),
    Row("packets of zeros", "reports", voice={"noise": frozenset({"zeros"})}),
    Row("retransmissions (RTX)", "docs; RFC 4588", voice={"noise": frozenset({"retransmission"})}),
    Row("a camera and a screen share", "docs", voice={"noise": frozenset({"camera"})}),
    Row("the region moves in mid-word", "docs", during=_region_moves, least_heard=0.2),
    Row("the region moves twice while joining", "reports", joining=_region_moves_twice_while_joining),
    Row("4015 in mid-word", "docs", during=closing(4015)),
    Row("4006 in mid-word", "reports", during=closing(4006), least_heard=0.2),
    Row("4009 in mid-word", "docs", during=closing(4009), least_heard=0.2),
    Row("news of the bot's own mute while joining", "docs", joining=_muted_meanwhile),
    Row("the AFK channel", "docs", before=_afk, refused=True),
    Row("a channel that is full", "docs", before=_full, refused=True),
)

DISCORD = (
    Row("the gateway drops and resumes", "docs", during=_gateway_drops, alone=True),
    Row("the gateway drops and has forgotten us", "docs", during=_gateway_forgets, after=_gateway_is_back, alone=True),
    Row("50 ms to both gateways", "reports", before=latency(0.05), alone=True),
    Row("150 ms to both gateways", "reports", before=latency(0.15), alone=True),
    Row(
        "429 for this channel, as JSON",
        "docs",
        before=refusing(
            "POST", 429, 2, 0.6, message="You are being rate limited.", retry_after=0.6, **{"global": False}
        ),
    ),
    Row(
        "429 of the shared scope",
        "docs",
        before=refusing("POST", 429, 1, 0.6, message="The resource is being rate limited.", retry_after=0.6, code=0),
    ),
    Row("500 to two posts", "docs", before=refusing("POST", 500, 2, message="500: Internal Server Error", code=0)),
    Row("502 to two posts", "reports", before=refusing("POST", 502, 2)),
    Row("every edit is refused", "docs", before=refusing("PATCH", 403, 99, message="Missing Permissions", code=50013)),
    Row(
        "edits of old messages are limited (30046)",
        "docs",
        before=refusing(
            "PATCH", 429, 1, 0.6, message="Max edits to messages older than 1 hour", code=30046, retry_after=0.6
        ),
    ),
    Row("the words' channel is a forum", "docs", before=_forum, refused=True),
)

VALSEA = (
    Row("packets come from the voicebot itself", "LiveKit docs", valsea={"from_agent": True}),
    Row("packets of types that nobody knows", "sample client", valsea={"chatter": True}),
    Row("packets alone", "sample client", valsea={"streams": False}),
    Row("a line's words are its `content`", "sample client", valsea={"packet_form": "content", "streams": False}),
    Row("fields in snake case", "other providers", valsea={"packet_form": "snake case", "streams": False}),
    Row("a line nested in `data`", "other providers", valsea={"packet_form": "nested", "streams": False}),
    Row("a line is an `event`", "other providers", valsea={"packet_form": "event", "streams": False}),
    Row("the messages are at another path", "unknown", valsea={"messages_path": "transcript"}),
    Row("a bare list of messages", "unknown", valsea={"envelope": "list"}),
    Row("messages in `data.items`", "unknown", valsea={"envelope": "nested"}),
    Row("a token's end in seconds", "unknown", valsea={"expiry": "seconds"}),
    Row("a token's end in milliseconds", "unknown", valsea={"expiry": "milliseconds"}),
    Row("a token's end in digits", "unknown", valsea={"expiry": "digits"}),
    Row("a token's lifetime instead of its end", "other providers", valsea={"expiry": "lifetime"}),
    Row("no word of a token's end", "unknown", valsea={"expiry": "absent"}),
    Row("404 to a DELETE right after the POST", "eventual consistency", valsea={"unknown_for": 6.0}),
    Row("200 and JSON to the DELETE", "sample client takes any 2xx", valsea={"end_status": 200}),
    Row("202 to the DELETE", "other providers", valsea={"end_status": 202}),
    Row("the voicebot's name is its id", "sample client", valsea={"voicebot_name": "id"}),
    Row("fields in the answer that nobody knows", "docs", valsea={"extra_fields": True}),
    Row("the voicebot comes after three seconds", "LiveKit agents", valsea={"voicebot_delay": 3.0}),
    Row("the voicebot's agent restarts", "LiveKit agents", live=_agent_restarts),
)

ROWS = (*DISCORD_VOICE, *DISCORD, *VALSEA)

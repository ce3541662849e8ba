"""The client against the API's stand-in, on HTTP."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from bot.config.model import NetworkSettings
from bot.errors import (
    BadAnswer,
    KeyRejected,
    NotAllowed,
    OutcomeUnknown,
    ProviderDown,
    RequestRejected,
    VoicebotNotFound,
    WrongAddress,
)
from bot.network import Network
from plugins.valsea.client import ValseaClient
from plugins.valsea.settings import ValseaSettings
from sandbox.livekit.server import free_port
from sandbox.stage import Stage
from sandbox.valsea.faults import Fault
from sandbox.valsea.server import VOICEBOT_ID, Valsea


@pytest.fixture
async def valsea(stage: Stage) -> AsyncIterator[Valsea]:
    stage.valsea.faults.clear()
    stage.valsea.send_voicebot = False
    yield stage.valsea
    stage.valsea.send_voicebot = True


@pytest.fixture
async def client(valsea: Valsea) -> AsyncIterator[ValseaClient]:
    client = _client(valsea, valsea.create_key("client"))
    yield client
    await client.close()


def _client(valsea: Valsea, key: str, **settings: object) -> ValseaClient:
    return ValseaClient(
        ValseaSettings.model_validate({"base_url": valsea.url, **settings}), key, Network.of(NetworkSettings())
    )


async def test_a_session_from_open_to_end(valsea: Valsea, client: ValseaClient) -> None:
    session = await client.open_session(VOICEBOT_ID, "The Museum")
    assert session.reference.startswith(f"ext-vb-{VOICEBOT_ID}-")
    assert session.room_url == valsea.livekit.url
    assert session.voicebot_name == "Museum Guide"
    assert session.avatar_url == "https://images.valsea.example/museum/avatar.png"
    assert len(session.images) == 4
    assert session.expires_at is not None
    assert session.room_token not in repr(session)
    organisation = valsea.session_of(session.reference).organisation
    assert organisation.running() == [session.reference]
    end = await client.end_session(session.reference)
    assert (end.already_gone, end.credits) == (False, Decimal(1))
    assert organisation.running() == []
    assert (await client.end_session(session.reference)).already_gone


async def test_messages_come_page_by_page(valsea: Valsea, client: ValseaClient) -> None:
    session = await client.open_session(VOICEBOT_ID, "x")
    stored = valsea.session_of(session.reference)
    for number in range(120):
        role = "user" if number % 2 else "assistant"
        stored.on_voicebot({"event": "said", "role": role, "text": f"line {number}", "final": True})
    lines = await client.messages(session.reference)
    assert [line.text for line in lines] == [f"line {number}" for number in range(120)]
    assert [line.role for line in lines[:2]] == ["voicebot", "user"]
    assert all(line.at is not None for line in lines)
    await client.end_session(session.reference)


async def test_exactly_full_pages_end_too(valsea: Valsea, client: ValseaClient) -> None:
    session = await client.open_session(VOICEBOT_ID, "x")
    stored = valsea.session_of(session.reference)
    for number in range(100):
        stored.on_voicebot({"event": "said", "role": "user", "text": f"line {number}", "final": True})
    assert len(await client.messages(session.reference)) == 100
    await client.end_session(session.reference)


async def test_the_library_has_all_pictures(client: ValseaClient) -> None:
    assert len(await client.image_library(VOICEBOT_ID)) == 6
    with pytest.raises(VoicebotNotFound):
        await client.image_library("unknown")


async def test_another_organisations_session_is_not_ours(valsea: Valsea, client: ValseaClient) -> None:
    session = await client.open_session(VOICEBOT_ID, "x")
    other = _client(valsea, valsea.create_key("other"))
    with pytest.raises(NotAllowed):
        await other.end_session(session.reference)
    await other.close()
    await client.end_session(session.reference)


async def test_a_wrong_key(valsea: Valsea) -> None:
    client = _client(valsea, "vl_wrong")
    with pytest.raises(KeyRejected) as caught:
        await client.open_session(VOICEBOT_ID, "x")
    assert "vl_wrong" not in str(caught.value) + caught.value.for_user
    await client.close()


async def test_nobody_there_is_tried_again_and_then_said(valsea: Valsea) -> None:
    client = _client(valsea, "k", base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ProviderDown, match="cannot connect"):
        await client.open_session(VOICEBOT_ID, "x")
    await client.close()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_dropped_post_is_unknown_and_not_repeated(valsea: Valsea, client: ValseaClient, when: str) -> None:
    valsea.faults.add(Fault("open", drop=True, when=when))  # type: ignore[arg-type]
    before = len(valsea.requests)
    with pytest.raises(OutcomeUnknown):
        await client.open_session(VOICEBOT_ID, "x")
    assert len(valsea.requests) == before + 1
    for room in [room for organisation in valsea.organisations.values() for room in organisation.running()]:
        valsea.session_of(room).organisation.close(room, 0.0)


async def test_a_web_page_is_no_end_of_a_session(valsea: Valsea, client: ValseaClient) -> None:
    wrong = _client(valsea, "k", end_path="/v2/elsewhere/{room}")
    with pytest.raises(WrongAddress, match="wrong base_url"):
        await wrong.end_session("room")
    await wrong.close()


async def test_a_room_name_cannot_leave_its_place_in_the_path(valsea: Valsea, client: ValseaClient) -> None:
    await client.end_session("../../v1/voicebots/x?y=#z")
    method, path, _ = valsea.requests[-1]
    assert method == "DELETE"
    assert path.startswith("/v1/voicebot-livekit/session/")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"roomName": 5}', b"\xff\xfe", b"<html>"])
async def test_garbage_is_a_bad_answer(valsea: Valsea, client: ValseaClient, body: bytes) -> None:
    valsea.faults.add(Fault("open", garbage=body))
    with pytest.raises(BadAnswer):
        await client.open_session(VOICEBOT_ID, "x")


async def test_a_key_of_any_form_that_is_echoed_stays_secret(valsea: Valsea) -> None:
    client = _client(valsea, "blaze-0123456789")
    valsea.faults.add(Fault("open", status=400, message="Bad key blaze-0123456789"))
    with pytest.raises(RequestRejected) as error:
        await client.open_session("x", "y")
    assert "blaze-0123456789" not in str(error.value) + error.value.for_user
    await client.close()


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"{"])
async def test_a_body_that_breaks_a_parser_is_only_a_failure(valsea: Valsea, client: ValseaClient, body: bytes) -> None:
    valsea.faults.add(Fault("end", status=502, garbage=body))
    with pytest.raises(ProviderDown):
        await client.end_session("room")

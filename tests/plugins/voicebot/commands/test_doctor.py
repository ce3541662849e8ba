"""`/voicebot doctor` and `/voicebot test`, from what is typed to what is answered."""

import asyncio
import time
from decimal import Decimal

import pytest

from bot.billing.ledger import SessionState
from bot.errors import KeyRejected, ProviderDown
from bot.media.report import SoundReport
from tests.bot.billing.records import record
from tests.plugins.voicebot.commands.host import Server, said
from tests.support import eventually


async def test_all_is_well(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    server.calls.library = {"monalisa": "https://example.org/1.png"}
    answer = await server.type(server.ben, "voicebot doctor")
    assert f"✅ I may hear and speak in {server.voice.mention}." in answer
    assert f"✅ I may write in {server.text.mention}." in answer
    assert "✅ Valsea takes the key and knows the voicebot (1 picture)." in answer


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (KeyRejected("401"), "❌"),
        (ProviderDown("503"), "⚠️ The voicebot and its provider's key are set, but the provider does not answer."),
    ],
)
async def test_what_is_wrong_with_the_provider(server: Server, failure: Exception, line: str) -> None:
    server.calls.library = failure
    assert line in await server.type(server.ben, "voicebot doctor")


async def test_a_call_in_a_hidden_channel_is_nobodys_business(server: Server) -> None:
    hidden = await server.closed_channel(view_channel=False)
    call = server.call(server.ann)
    call.channel = server.channel(hidden)
    await server.ann.join_voice(hidden)
    assert hidden.mention not in await server.type(server.ben, "voicebot doctor")
    assert hidden.mention in await server.type(server.ann, "voicebot doctor")


async def test_what_the_last_call_cost_when_the_provider_said_so(server: Server) -> None:
    server.calls.records = [
        record(state=SessionState.CLOSED, intended_at=time.time() - 60, closed_at=time.time(), credits=Decimal("2.50"))
    ]
    assert "The last call cost 2.5 credits." in await server.type(server.ben, "voicebot doctor")


async def test_a_test_tells_what_it_has_found_when_it_is_over(server: Server) -> None:
    await server.ben.join_voice(server.voice)
    typed = asyncio.ensure_future(server.ben.slash(server.text, "voicebot test"))
    await eventually(lambda: server.calls.test is not None)
    test = server.calls.test
    assert test is not None
    assert (test.channel.id, test.starter_id) == (server.voice.id, server.ben.id)
    test.sound = SoundReport(packets_received=100, packets_heard=100)
    test.stop()
    answer = said(await typed)
    assert f"I am in {server.voice.mention}. Say something and pause" in answer
    assert len(answer.splitlines()) > 1


async def test_a_test_needs_a_channel_with_somebody_in_it(server: Server) -> None:
    assert "Join a voice channel first" in await server.type(server.ben, "voicebot test")
    assert server.calls.test is None

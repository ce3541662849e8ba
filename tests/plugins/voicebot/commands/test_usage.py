"""`/voicebot usage`: totals for admins, their own part for everybody else, and a file."""

import csv
import io
import time

import pytest

from bot.billing.ledger import SessionState
from plugins.voicebot.commands.cooldown import MAX_LOCAL_COMMANDS
from tests.bot.billing.records import record
from tests.plugins.voicebot.commands.host import Server, attached


@pytest.fixture
def billed(server: Server) -> Server:
    """Ann has talked for three minutes and Ben for two, and the month before Ann for one."""
    now = time.time()
    people = [(server.ann.id, 180.0, 5.0), (server.ben.id, 120.0, 5.0), (server.ann.id, 60.0, 45 * 86_400.0)]
    server.calls.records = [
        record(
            f"s{number}",
            guild_id=server.guild.id,
            starter_id=starter,
            state=SessionState.CLOSED,
            intended_at=now - ago - seconds,
            opened_at=now - ago - seconds,
            closed_at=now - ago,
            reference=f"room-{number}",
        )
        for number, (starter, seconds, ago) in enumerate(people)
    ]
    return server


async def test_admins_see_everybodys_calls(billed: Server) -> None:
    answer = await billed.type(billed.ann, "voicebot usage")
    assert f"<@{billed.ann.id}>" in answer
    assert f"<@{billed.ben.id}>" in answer
    assert "5" in answer  # minutes of both


async def test_others_see_the_servers_total_and_their_own_part(billed: Server) -> None:
    answer = await billed.type(billed.ben, "voicebot usage")
    assert "5" in answer
    assert f"<@{billed.ann.id}>" not in answer


async def test_a_period_bounds_what_is_asked_of_the_ledger(billed: Server) -> None:
    await billed.type(billed.ann, "voicebot usage", period="LAST_MONTH")
    await billed.type(billed.ann, "voicebot usage")
    (last_start, last_end), (start, end) = billed.calls.spans
    assert last_end == start
    assert last_start < last_end < end


async def test_the_file_has_only_the_calls_that_one_may_see(billed: Server) -> None:
    for person, count in ((billed.ann, 2), (billed.ben, 1)):
        result = await person.slash(billed.text, "voicebot usage", export=True)
        name, content = await attached(result)
        assert name == "calls-this-month.csv"
        assert len(list(csv.reader(io.StringIO(content.decode())))) - 1 == count


async def test_a_server_without_calls_is_told_so(server: Server) -> None:
    assert "There were none." in await server.type(server.ben, "voicebot usage")


async def test_whoever_asks_again_and_again_has_to_wait_and_nobody_else(server: Server) -> None:
    """The one thread of the ledger is the one that sessions wait for."""
    for _ in range(MAX_LOCAL_COMMANDS):
        assert "Not so fast" not in await server.type(server.ann, "voicebot usage")
    assert "Not so fast" in await server.type(server.ann, "voicebot usage")
    assert "Not so fast" in await server.type(server.ann, "voicebot settings show")
    assert "Not so fast" not in await server.type(server.ben, "voicebot usage")

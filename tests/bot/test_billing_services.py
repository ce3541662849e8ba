"""What has to do with money, opened and closed in order; and what is ended where no bot can start."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot import billing_services as module
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing_services import BillingServices, rescue
from bot.config.load import Config, check
from bot.config.source import parse
from bot.errors import LedgerError, ProviderDown
from bot.watchdog.heartbeat import Heartbeat, HeartbeatReader, lock_file
from plugins.valsea.settings import ValseaSettings
from tests.bot.billing.records import ScriptedProvider, record
from tests.support import eventually


class Valsea(ScriptedProvider):
    """A provider that notes when it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def valsea() -> Valsea:
    return Valsea()


@pytest.fixture
def plugins(valsea: Valsea) -> Mapping[str, Any]:
    return {"valsea": SimpleNamespace(connect=lambda *_: valsea, Settings=ValseaSettings)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    text = f"ledger: {{file: {tmp_path}/sessions.sqlite3, watchdog: false}}\n"
    return check(parse(tmp_path / "config.yaml", text), {"valsea": ValseaSettings})


async def _left_open(config: Config, *names: str) -> None:
    """Sessions that a bot before this one has opened and not ended."""
    ledger = await SqliteLedger.open(config.ledger_file)
    for name in names:
        await ledger.record_intent(record(name))
        await ledger.record_opened(name, f"room of {name}", "Guide", 1000.0)
    await ledger.close()


async def _states(config: Config) -> dict[str, SessionState]:
    ledger = await SqliteLedger.open(config.ledger_file)
    try:
        return {row.id: row.state for row in await ledger.between(0.0, 2e9)}
    finally:
        await ledger.close()


async def test_it_beats_while_it_is_open_and_gives_the_lock_back(config: Config, plugins: Mapping[str, Any]) -> None:
    billing = await BillingServices.open(lambda: config, plugins)
    await billing.ready()
    reader = HeartbeatReader(lock_file(config.ledger_file), 10)
    assert reader.look(0.0).alive
    await billing.close()
    assert not reader.look(0.1).alive
    reader.close()
    await (await BillingServices.open(lambda: config, plugins)).close()


async def test_a_second_bot_waits_for_the_first_and_is_refused_when_it_stays(
    config: Config, plugins: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await BillingServices.open(lambda: config, plugins)
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.0)
    with pytest.raises(LedgerError, match=r"another Parley \(process \d+\) uses the same ledger"):
        await BillingServices.open(lambda: config, plugins)
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 10.0)
    waiting = asyncio.create_task(BillingServices.open(lambda: config, plugins))
    await asyncio.sleep(0)
    await first.close()
    await (await waiting).close()


async def test_an_ending_that_is_under_way_is_left_to_the_next_start_when_it_closes(
    config: Config, plugins: Mapping[str, Any], valsea: Valsea
) -> None:
    await _left_open(config, "one")
    valsea.failures = [ProviderDown("503") for _ in range(100)]
    billing = await BillingServices.open(lambda: config, plugins)
    (row,) = await billing.ledger.unsettled()
    billing.closer.end(row, EndReason.CRASHED)
    await eventually(lambda: bool(valsea.end_attempts))
    async with asyncio.timeout(10):
        await billing.close()
    assert valsea.closed
    assert (await _states(config))["one"] is SessionState.CLOSING


async def test_where_no_bot_can_start_what_is_open_is_ended(
    config: Config, plugins: Mapping[str, Any], valsea: Valsea
) -> None:
    await _left_open(config, "one", "two")
    before = await _states(config)
    async with asyncio.timeout(10):
        await rescue(config, plugins, asyncio.Event())
    assert sorted(valsea.end_attempts) == ["room of one", "room of two"]
    assert valsea.closed
    assert await _states(config) == before, "nothing is written: that is why no bot can start"


async def test_another_bots_sessions_are_not_ended(config: Config, plugins: Mapping[str, Any], valsea: Valsea) -> None:
    await _left_open(config, "one")
    other = Heartbeat(lock_file(config.ledger_file))
    assert other.take()
    await rescue(config, plugins, asyncio.Event())
    assert valsea.end_attempts == []
    other.release()


async def test_it_is_tried_until_somebody_stops_it(
    config: Config, plugins: Mapping[str, Any], valsea: Valsea, caplog: pytest.LogCaptureFixture
) -> None:
    await _left_open(config, "one")
    valsea.failures = [ProviderDown("503") for _ in range(100)]
    stop = asyncio.Event()
    rescuing = asyncio.create_task(rescue(config, plugins, stop))
    await eventually(lambda: bool(valsea.end_attempts))
    stop.set()
    async with asyncio.timeout(10):
        await rescuing
    assert "stopped before all of them were ended" in caplog.text


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"scribble" * 1000), lambda file: None])
async def test_a_ledger_that_cannot_be_read_is_said_and_nothing_is_raised(
    config: Config, plugins: Mapping[str, Any], spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(config.ledger_file)
    await rescue(config, plugins, asyncio.Event())
    assert any(entry.levelname == "ERROR" for entry in caplog.records)

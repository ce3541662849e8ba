"""`parley sessions`: what is billed right now, and ending it by hand. Works with the bot stopped or running."""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import Ledger, SessionRecord, SessionState, billed_minutes
from bot.billing.ledger.sqlite import SqliteLedger
from bot.config.load import Config
from bot.errors import LedgerError, ParleyError
from bot.network import Network
from bot.plugin_host.plugin import Plugin
from bot.plugin_host.providers import Providers

END_TIMEOUT = 45.0  # seconds for the provider to confirm; "there is none" is asked again for up to 30


def main(config: Config, plugins: Mapping[str, type[Plugin[Any]]], options: argparse.Namespace) -> int:
    """Run the command; exit code 0, 1 when something could not be done, 2 for wrong arguments."""
    if options.action == "end" and bool(options.id) == options.all:
        print("Say which session: `parley sessions end ID`, or `--all`.", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(config, plugins, options))
    except ParleyError as error:
        print(error, file=sys.stderr)
        return 1


async def _run(config: Config, plugins: Mapping[str, type[Plugin[Any]]], options: argparse.Namespace) -> int:
    if not config.ledger_file.exists():
        print(f"No session was ever opened: {config.ledger_file} does not exist.")
        return 0 if options.action == "list" else 1
    ledger = await _open(config.ledger_file)
    providers = Providers(lambda: config, plugins, lambda: Network.of(config.host.network))
    closer = SessionCloser(ledger, providers.enders)
    try:
        if options.action == "list":
            records = await (ledger.between(0, time.time() + 1) if options.all else ledger.unsettled())
            print(table(records, time.time()))
            return 0
        if options.action == "forget":
            return await _forget(ledger, options.id)
        return await _end(ledger, closer, None if options.all else options.id)
    finally:
        await closer.stop()
        await providers.close()
        await ledger.close()


async def _open(file: Path) -> SqliteLedger:
    """To read only, where the disk takes no changes: a session can be ended without it."""
    try:
        return await SqliteLedger.open(file)
    except LedgerError as error:
        print(f"{error}. Continuing without recording any changes.", file=sys.stderr)
        return await SqliteLedger.open_to_read(file)


async def _end(ledger: Ledger, closer: SessionCloser, session_id: str | None) -> int:
    records = [r for r in await ledger.unsettled() if session_id in (None, r.id)]
    if session_id is not None and not records:
        print(f"There is no open session {session_id}. `parley sessions list` shows those there are.", file=sys.stderr)
        return 1
    nameless = [record for record in records if record.reference is None]
    for record in nameless:
        print(
            f"{record.id}: the provider never sent a reference for it, so it cannot be ended here. Check the usage "
            f"at {record.account.endpoint}, then `parley sessions forget {record.id}`.",
            file=sys.stderr,
        )
    endings = {r.id: closer.end(r, EndReason.OPERATOR) for r in records if r.reference is not None}
    if endings:
        await asyncio.wait(endings.values(), timeout=END_TIMEOUT)
    for identifier, ending in endings.items():
        if ending.done():
            closed = ending.result()
            print(f"{identifier}: ended, about {closed.billed_minutes} billed minutes")
        else:
            print(f"{identifier}: the provider has not confirmed the end; it may still be billing", file=sys.stderr)
    return 0 if not nameless and all(ending.done() for ending in endings.values()) else 1


async def _forget(ledger: Ledger, session_id: str) -> int:
    record = await ledger.get(session_id)
    if record is None or record.state is SessionState.CLOSED:
        print(f"There is no open session {session_id}.", file=sys.stderr)
        return 1
    now = time.time()
    await ledger.record_closing(session_id, now, EndReason.OPERATOR, None)
    await ledger.record_closed(session_id, now, _minutes(record, now), None)
    print(f"{session_id}: forgotten. If the provider still bills it, nothing here will end it.")
    return 0


def table(records: Sequence[SessionRecord], now: float) -> str:
    """Return records as people read them. `now` is in seconds since 1970."""
    if not records:
        return "No session is open."
    rows = [("SESSION", "STATE", "OPENED", "MINUTES", "SERVER", "VOICEBOT", "KEY", "LAST ERROR")]
    for record in records:
        opened_at = record.opened_at or record.intended_at
        rows.append(
            (
                record.id,
                record.state.value,
                datetime.fromtimestamp(opened_at).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                str(_minutes(record, now)),
                str(record.guild_id),
                record.voicebot_name or record.voicebot,
                record.account.key_name,
                record.last_error or "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _minutes(record: SessionRecord, now: float) -> int:
    if record.billed_minutes is not None:
        return record.billed_minutes
    return billed_minutes(now - (record.opened_at or record.intended_at))

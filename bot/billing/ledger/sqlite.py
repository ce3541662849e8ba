"""The ledger in SQLite: WAL with synchronous=FULL, so that what a method returned from survives a power cut.

One connection in one thread of its own; the event loop never waits for the disk. Several processes (the bot, its
watchdog, `parley sessions`) may have the file open at once. Every change is a single statement with its condition in
it, so none can undo another's.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from bot.billing.end_reason import EndReason
from bot.errors import LedgerError
from bot.language import say
from bot.provider import Account

from .image import read_image
from .record import SessionRecord, SessionState
from .schema import MIGRATIONS

T = TypeVar("T")

#: Seconds to wait for another process that writes.
BUSY_TIMEOUT = 3.0


class SqliteLedger:
    """Keeps session records in SQLite; implements `Ledger`. Create it with `open`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, file: Path) -> "SqliteLedger":
        """Open or create the file, check it and prove that it can be written; LedgerError."""
        return await cls._opened(file, cls._open)

    @classmethod
    async def open_to_read(cls, file: Path) -> "SqliteLedger":
        """Open an existing file as it is now, on a disk that is full or read-only; every change is a LedgerError."""
        return await cls._opened(file, cls._open_to_read)

    @classmethod
    async def _opened(cls, file: Path, connect: Callable[["SqliteLedger"], None]) -> "SqliteLedger":
        ledger = cls(file)
        try:
            await ledger._run(lambda: connect(ledger))
        except LedgerError:
            await ledger.close()
            raise
        return ledger

    async def close(self) -> None:
        """Close the file; what was written is safe."""
        with contextlib.suppress(LedgerError):
            await self._run(self._close)
        self._thread.shutdown(wait=False)

    # -- changes ------------------------------------------------------------------------------------------------

    async def record_intent(self, record: SessionRecord) -> None:
        """Insert the row of a session that is about to be asked for."""
        values = _values(record)
        names, placeholders = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO sessions ({names}) VALUES ({placeholders})"  # noqa: S608 - names of our own
        await self._change(statement, *values.values())

    async def record_opened(self, session_id: str, reference: str, voicebot_name: str | None, at: float) -> bool:
        """Make it open, unless it is something else by now."""
        # What people were told of an unknown outcome is not the receipt of what came of it.
        return await self._change(
            "UPDATE sessions SET state = 'open', reference = ?, announced_at = NULL, "
            "voicebot_name = COALESCE(voicebot_name, ?), opened_at = COALESCE(opened_at, ?) "
            "WHERE id = ? AND state IN ('intent', 'unknown')",
            reference,
            voicebot_name,
            at,
            session_id,
        )

    async def record_refused(self, session_id: str, at: float, error: str) -> bool:
        """Close it without a minute billed."""
        return await self._change(
            "UPDATE sessions SET state = 'closed', closed_at = ?, billed_minutes = 0, last_error = ?, reason = ? "
            "WHERE id = ? AND state IN ('intent', 'unknown')",
            at,
            error,
            EndReason.NOT_STARTED.name,
            session_id,
        )

    async def record_unknown(self, session_id: str, at: float, error: str) -> bool:
        """Make its outcome unknown, unless it is known by now."""
        return await self._change(
            "UPDATE sessions SET state = 'unknown', opened_at = ?, billed_minutes = 1, last_error = ? "
            "WHERE id = ? AND state = 'intent'",
            at,
            error,
            session_id,
        )

    async def record_closing(self, session_id: str, at: float, reason: EndReason, ended_by: int | None) -> bool:
        """Note the end that was wished for; the first one stands."""
        return await self._change(
            "UPDATE sessions SET state = 'closing', closing_at = ?, reason = ?, ended_by = ? "
            "WHERE id = ? AND state = 'open'",
            at,
            reason.name,
            ended_by,
            session_id,
        )

    async def record_failure(self, session_id: str, error: str) -> None:
        """Count one more attempt, and keep its error."""
        await self._change(
            "UPDATE sessions SET attempts = attempts + 1, last_error = ? WHERE id = ? AND state <> 'closed'",
            error,
            session_id,
        )

    async def record_closed(self, session_id: str, at: float, minutes: int, used: Decimal | None) -> bool:
        """Close it with what was billed."""
        told = None if used is None else str(used)
        # Whoever comes second (the provider said "gone already") must not wipe out what the first was told.
        return await self._change(
            "UPDATE sessions SET state = 'closed', attempts = attempts + 1, closed_at = COALESCE(closed_at, ?), "
            "billed_minutes = CASE WHEN state = 'closed' THEN billed_minutes ELSE ? END, "
            "credits = COALESCE(credits, ?) "
            "WHERE id = ? AND (state <> 'closed' OR (credits IS NULL AND ? IS NOT NULL))",
            at,
            minutes,
            told,
            session_id,
            told,
        )

    async def record_announced(self, session_id: str, at: float) -> bool:
        """Note when its receipt was given."""
        return await self._change(
            "UPDATE sessions SET announced_at = ? WHERE id = ? AND announced_at IS NULL", at, session_id
        )

    # -- questions ----------------------------------------------------------------------------------------------

    async def get(self, session_id: str) -> SessionRecord | None:
        """Read one record by its id."""
        found = await self._select("WHERE id = ?", session_id)
        return found[0] if found else None

    async def unsettled(self) -> Sequence[SessionRecord]:
        """Read all that are not closed."""
        return await self._select("WHERE state <> 'closed' ORDER BY intended_at")

    async def unannounced(self) -> Sequence[SessionRecord]:
        """Read those whose receipt is due."""
        return await self._select(
            "WHERE announced_at IS NULL AND billed_minutes > 0 AND state IN ('closed', 'unknown') ORDER BY intended_at"
        )

    async def between(self, start: float, end: float, guild_id: int | None = None) -> Sequence[SessionRecord]:
        """Read those that were opened in a time."""
        return await self._select(
            "WHERE opened_at >= ? AND opened_at < ? AND (? IS NULL OR guild_id = ?) ORDER BY opened_at",
            start,
            end,
            guild_id,
            guild_id,
        )

    # -- the connection, all of it in the ledger's thread -------------------------------------------------------

    def _open(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.file, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.row_factory = sqlite3.Row
        verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._migrate(connection)
            # A disk that is full or read-only must show now, and not when a session is to be opened.
            connection.execute("UPDATE meta SET opened = opened + 1")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _open_to_read(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.row_factory = sqlite3.Row
        image = read_image(self.file)
        if not image:
            raise sqlite3.DatabaseError("it is empty")
        connection.deserialize(image)
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if not 0 < version <= len(MIGRATIONS):
            raise sqlite3.DatabaseError("it was written by another version of Parley")
        _migrate(connection, version)  # the copy in memory
        connection.execute("PRAGMA query_only = ON")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise sqlite3.DatabaseError("it was written by a newer version of Parley; update this one")
        _migrate(connection, version)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _change(self, statement: str, *values: Any) -> bool:
        return await self._run(lambda: self._connected().execute(statement, values).rowcount > 0)

    async def _select(self, condition: str, *values: Any) -> list[SessionRecord]:
        # The conditions are constants of this module.
        statement = f"SELECT * FROM sessions {condition}"  # noqa: S608
        return await self._run(lambda: [_record(row) for row in self._connected().execute(statement, values)])

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("it is closed")
        return self._connection

    async def _run(self, work: Callable[[], T]) -> T:
        """Do something in the ledger's thread. Cancelling the caller does not undo it."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError, RuntimeError, ValueError, OverflowError) as error:
            raise _explained(self.file, error) from error


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """From an older version of the tables to this one."""
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _explained(file: Path, error: Exception) -> LedgerError:
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    hints = {
        "i/o error": "see to its disk: it may be full or failing",
        "full": "free some space on its disk",
        "space left": "free some space on its disk",
        "readonly": "make it and its folder writable for the bot",
        "read-only": "make it and its folder writable for the bot",
        "permission": "make it and its folder writable for the bot",
        "unable to open": "check that its folder exists and is writable for the bot",
        "locked": "another program holds it; end that one",
        "malformed": "move it away (sessions in it that are still open must then be ended at the provider)",
        "not a database": "move it away (sessions in it that are still open must then be ended at the provider)",
    }
    way_out = next((hint for sign, hint in hints.items() if sign in text.lower()), "see to that, and start again")
    return LedgerError(
        f"the ledger {file} cannot be used: {text}; {way_out}",
        for_user=say(
            "I cannot record what calls cost right now, so I am not starting one. The bot's operator must repair "
            "the ledger; the log says what is wrong."
        ),
    )


def _values(record: SessionRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "state": record.state.value,
        "provider": record.provider,
        "key_name": record.account.key_name,
        "endpoint": record.account.endpoint,
        "key_mark": record.account.key_fingerprint,
        "guild_id": record.guild_id,
        "voice_channel_id": record.voice_channel_id,
        "text_channel_id": record.text_channel_id,
        "starter_id": record.starter_id,
        "voicebot": record.voicebot,
        "voicebot_name": record.voicebot_name,
        "intended_at": record.intended_at,
    }


def _record(row: sqlite3.Row) -> SessionRecord:
    values = dict(row)
    account = Account(values.pop("key_name"), values.pop("endpoint"), values.pop("key_mark"))
    state = SessionState(values.pop("state"))
    reason = values.pop("reason")
    told = values.pop("credits")
    return SessionRecord(
        account=account,
        state=state,
        reason=None if reason is None else EndReason.__members__.get(reason, EndReason.OTHER),
        credits=None if told is None else Decimal(told),
        **values,
    )

"""A ledger is read from a dead disk as SQLite would have read it from a live one."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.billing.ledger.image import read_image
from bot.billing.ledger.sqlite import SqliteLedger
from bot.errors import LedgerError
from tests.bot.billing.records import record

#: Writes rows and dies without closing; the last ones are not committed.
WRITER = """
import os, sqlite3, sys
file, transactions, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
connection = sqlite3.connect(file, isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA cache_size = 5")
connection.execute("CREATE TABLE t (n INTEGER, filler TEXT)")
for transaction in range(transactions + 1):
    connection.execute("BEGIN")
    for row in range(rows):
        connection.execute("INSERT INTO t VALUES (?, ?)", (transaction * rows + row, "x" * (row * 37 % 3000)))
    if transaction < transactions:
        connection.execute("COMMIT")
    if transaction == transactions // 2 and len(sys.argv) > 4:
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
os._exit(1)
"""


def _write(file: Path, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(file), *map(str, arguments)], check=False)


def _rows(image: bytes) -> list[tuple[int, int]]:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(image)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return list(connection.execute("SELECT n, length(filler) FROM t"))


@pytest.mark.parametrize(("transactions", "rows"), [(0, 5), (1, 1), (3, 20), (40, 3), (4, 400)])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_it_is_what_sqlite_reads(tmp_path: Path, transactions: int, rows: int, checkpoint: bool) -> None:
    file = tmp_path / "l.sqlite3"
    _write(file, transactions, rows, *(["checkpoint"] if checkpoint else []))
    found = _rows(read_image(file))
    with sqlite3.connect(file) as connection:
        expected = list(connection.execute("SELECT n, length(filler) FROM t"))
    connection.close()
    assert found == expected
    assert len(found) == transactions * rows


def test_a_log_that_breaks_off_counts_as_far_as_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite3"
    _write(file, 10, 3)
    log = tmp_path / "l.sqlite3-wal"
    whole = log.read_bytes()
    seen = set()
    for length in range(0, len(whole), 501):
        log.write_bytes(whole[:length])
        image = read_image(file)
        if b"CREATE TABLE t" in image:
            seen.add(len(_rows(image)))
    assert seen <= {*range(0, 31, 3)}
    assert len(seen) > 5


def test_a_log_that_was_damaged_counts_up_to_there(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite3"
    _write(file, 10, 3)
    log = tmp_path / "l.sqlite3-wal"
    damaged = bytearray(log.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    log.write_bytes(damaged)
    assert 0 < len(_rows(read_image(file))) < 30


@pytest.mark.parametrize("log", [b"", b"x" * 20, b"x" * 200, bytes(4000)])
def test_a_log_that_is_none_adds_nothing(tmp_path: Path, log: bytes) -> None:
    file = tmp_path / "l.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (n INTEGER, filler TEXT)")
    connection.close()
    (tmp_path / "l.sqlite3-wal").write_bytes(log)
    assert _rows(read_image(file)) == []


async def test_a_ledger_of_a_bot_that_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite3"
    ledger = await SqliteLedger.open(file)
    await ledger.record_intent(record("s1"))
    await ledger.record_opened("s1", "room-1", "Guide", 1000.0)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if not name.endswith("-shm")}
    reading = await SqliteLedger.open_to_read(file)
    (found,) = await reading.unsettled()
    assert (found.id, found.reference, found.must_be_ended) == ("s1", "room-1", True)
    with pytest.raises(LedgerError):
        await reading.record_closed("s1", 1.0, 1, None)
    await reading.close()
    after = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if not name.endswith("-shm")}
    assert after == before
    await ledger.close()


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
async def test_what_is_no_ledger_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "l.sqlite3"
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="cannot be used"):
        await SqliteLedger.open_to_read(file)

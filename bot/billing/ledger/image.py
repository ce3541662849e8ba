"""A SQLite file read without touching the disk: the database and what its write-ahead log adds, put together in memory.

SQLite itself must write beside a file in WAL mode even to read it, which a full or read-only disk does not allow.
Source: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
"""

import struct
from pathlib import Path

_WAL_HEADER = struct.Struct(">IIIIIIII")  # magic, version, page size, sequence, two salts, two checksums
_FRAME_HEADER = struct.Struct(">IIIIII")  # page number, pages after commit or 0, two salts, two checksums
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # the byte order of the checksums
_LEGACY = b"\x01\x01"  # read and write version 1: no log beside the file
_VERSIONS = slice(18, 20)


def read_image(file: Path) -> bytes:
    """Return the database as of its last commit, for `sqlite3.Connection.deserialize`; OSError."""
    log = file.with_name(file.name + "-wal")
    while True:  # whoever closes it meanwhile moves the log into the database
        before = _read_log(log)
        database = bytearray(file.read_bytes())
        if _read_log(log) == before:
            break
    _apply(database, before)
    if len(database) >= 100:  # the size of its header
        database[_VERSIONS] = _LEGACY
    return bytes(database)


def _read_log(log: Path) -> bytes:
    try:
        return log.read_bytes()
    except FileNotFoundError:
        return b""


def _apply(database: bytearray, log: bytes) -> None:
    """Every page of every transaction that was committed, up to the first frame that is not whole."""
    if len(log) < _WAL_HEADER.size:
        return
    magic, _, page_size, _, *salts_and_sums = _WAL_HEADER.unpack_from(log)
    salts, sums = tuple(salts_and_sums[:2]), tuple(salts_and_sums[2:])
    order = _MAGIC.get(magic)
    if order is None or _checksum(log[:24], (0, 0), order) != sums:
        return
    pending: dict[int, bytes] = {}
    for at in range(_WAL_HEADER.size, len(log) - _FRAME_HEADER.size - page_size + 1, _FRAME_HEADER.size + page_size):
        number, pages, *rest = _FRAME_HEADER.unpack_from(log, at)
        page = log[at + _FRAME_HEADER.size : at + _FRAME_HEADER.size + page_size]
        sums = _checksum(page, _checksum(log[at : at + 8], sums, order), order)
        if tuple(rest) != (*salts, *sums):
            return
        pending[number] = page
        if pages:  # a commit, after which the database has so many pages
            database.extend(bytes(max(0, pages * page_size - len(database))))
            for changed, content in pending.items():
                database[(changed - 1) * page_size : changed * page_size] = content
            del database[pages * page_size :]
            pending.clear()


def _checksum(data: bytes, start: tuple[int, ...], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFF_FFFF
        second = (second + odd + first) & 0xFFFF_FFFF
    return first, second

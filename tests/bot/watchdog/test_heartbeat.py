"""Whether the bot lives: by its lock, and by its count."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import LedgerError
from bot.watchdog.heartbeat import Heartbeat, HeartbeatReader, lock_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return lock_file(tmp_path / "parley.sqlite3")


def test_it_lies_beside_the_ledger(file: Path) -> None:
    assert file.name == "parley.sqlite3.lock"


def test_nobody_has_ever_lived(file: Path) -> None:
    reader = HeartbeatReader(file, 10)
    assert not reader.look(0.0).alive
    reader.close()


def test_who_beats_lives_and_who_stops_is_frozen(file: Path) -> None:
    heartbeat, reader = Heartbeat(file), HeartbeatReader(file, 10)
    assert heartbeat.take()
    for second in range(30):
        heartbeat.beat()
        assert reader.look(float(second)).alive
    assert reader.look(39.0).alive
    assert not reader.look(39.1).alive
    heartbeat.beat()  # it wakes up
    assert reader.look(60.0).alive
    assert reader.look(60.0).instance == heartbeat.instance
    heartbeat.release()
    assert not reader.look(60.1).alive
    reader.close()


def test_two_cannot_have_it_and_the_next_may(file: Path) -> None:
    first, second = Heartbeat(file), Heartbeat(file)
    assert first.take()
    assert not second.take()
    assert second.holder() == os.getpid()
    first.release()
    assert second.take()
    second.release()
    second.release()


def test_looking_does_not_take_it(file: Path) -> None:
    reader, heartbeat = HeartbeatReader(file, 10), Heartbeat(file)
    reader.look(0.0)
    assert heartbeat.take()
    heartbeat.release()
    reader.close()


def test_a_killed_process_gives_it_back_at_once(file: Path) -> None:
    program = f"""
import pathlib, time
from bot.watchdog.heartbeat import Heartbeat
heartbeat = Heartbeat(pathlib.Path({str(file)!r}))
assert heartbeat.take()
heartbeat.beat()
print("taken", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader = HeartbeatReader(file, 10)
        assert reader.look(0.0).alive
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not reader.look(0.0).alive
        reader.close()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="make it writable"):
        Heartbeat(tmp_path / "missing" / "x.lock")

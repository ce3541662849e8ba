"""Whether the bot lives: by its lock, and by its count."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import LedgerError
from bot.watchdog.pulse import Pulse, PulseReader, lock_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return lock_file(tmp_path / "parley.sqlite3")


def test_it_lies_beside_the_ledger(file: Path) -> None:
    assert file.name == "parley.sqlite3.lock"


def test_nobody_has_ever_lived(file: Path) -> None:
    reader = PulseReader(file, 10)
    assert not reader.look(0.0).alive
    reader.close()


def test_who_beats_lives_and_who_stops_is_frozen(file: Path) -> None:
    pulse, reader = Pulse(file), PulseReader(file, 10)
    assert pulse.take()
    for second in range(30):
        pulse.beat()
        assert reader.look(float(second)).alive
    assert reader.look(39.0).alive
    assert not reader.look(39.1).alive
    pulse.beat()  # it wakes up
    assert reader.look(60.0).alive
    assert reader.look(60.0).instance == pulse.instance
    pulse.release()
    assert not reader.look(60.1).alive
    reader.close()


def test_two_cannot_have_it_and_the_next_may(file: Path) -> None:
    first, second = Pulse(file), Pulse(file)
    assert first.take()
    assert not second.take()
    assert second.holder() == os.getpid()
    first.release()
    assert second.take()
    second.release()
    second.release()


def test_looking_does_not_take_it(file: Path) -> None:
    reader, pulse = PulseReader(file, 10), Pulse(file)
    reader.look(0.0)
    assert pulse.take()
    pulse.release()
    reader.close()


def test_a_killed_process_gives_it_back_at_once(file: Path) -> None:
    program = f"""
import pathlib, time
from bot.watchdog.pulse import Pulse
pulse = Pulse(pathlib.Path({str(file)!r}))
assert pulse.take()
pulse.beat()
print("taken", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader = PulseReader(file, 10)
        assert reader.look(0.0).alive
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not reader.look(0.0).alive
        reader.close()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="make it writable"):
        Pulse(tmp_path / "missing" / "x.lock")

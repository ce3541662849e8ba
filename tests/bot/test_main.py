"""The end of the process: with the command's exit code, everything printed, and no waiting for threads."""

import os
import subprocess
import sys

#: Left as a plugin or an SDK might: a thread that is never joined, and work for the interpreter's last moments.
LEFTOVERS = """
import atexit, sys, threading
from unittest.mock import patch
atexit.register(lambda: print("the interpreter was taken apart"))
threading.Thread(target=threading.Event().wait).start()
def main():
    print("printed", end="")
    print("told", end="", file=sys.stderr)
    return 3
with patch("bot.cli.main.main", main):
    from bot.__main__ import run
    run()
"""


def test_the_process_ends_without_being_taken_apart() -> None:
    answer = subprocess.run([sys.executable, "-c", LEFTOVERS], capture_output=True, text=True, timeout=30, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, "printed", "told")


def test_who_interrupts_a_question_gets_no_traceback() -> None:
    script = LEFTOVERS.replace("return 3", "raise KeyboardInterrupt")
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (130, "printed", "told")


def test_a_usage_error_keeps_its_exit_code() -> None:
    environment = {**os.environ, "COLUMNS": "200"}
    answer = subprocess.run(
        [sys.executable, "-m", "bot", "dance"], capture_output=True, text=True, check=False, env=environment
    )
    assert answer.returncode == 2
    assert "invalid choice: 'dance'" in answer.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`parley record show FILE | head -1`."""
    script = LEFTOVERS.replace("return 3", "[print('a line') for _ in range(100_000)]")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert (process.returncode, errors) == (141, "told")

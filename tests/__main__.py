"""Runs the whole suite, side by side only what does not disturb each other: `python -m tests`, or `make unit`.

Tests of calls mostly wait: three of them go on at once, and those of single classes, which compute, take what is left
of the machine. What is judged by ear (words, drift, gaps in the middle of a sentence) and the rooms' own sound come
after that, with as little beside them as can be. Plain `pytest` runs everything in one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def _calls(*names: str) -> list[str]:
    return [f"tests/calls/test_{name}.py" for name in names]


def _without(*left_out: str) -> list[str]:
    """Files, folders or single tests."""
    return [f"--{'deselect' if '::' in what else 'ignore'}={what}" for what in left_out]


#: Single tests of files whose others can stand company: one waits for words to be understood, one counts frames.
SPEAKING = "tests/bot/testing/test_new_plugin.py::test_a_new_plugin_passes_its_own_test"
COUNTING = "tests/calls/test_plugins.py::test_a_hundred_reloads_in_a_live_call"
WORDS = [*_calls("words", "conversation", "languages"), SPEAKING]
ROOM = ["tests/bot/room"]
SOUND = [*_calls("soak", "membership", "sound", "bad_lines"), COUNTING, *ROOM]
MONEY = _calls("money", "guards", "settings", "config")
FAULTS = _calls("accidents", "voice_faults", "endings", "room_faults")
#: All that is not named, so that no file is ever forgotten.
OTHER_CALLS = ["tests/calls", *_without(*WORDS, *SOUND, *MONEY, *FAULTS)]
CLASSES = _without("tests/calls", *ROOM, SPEAKING)


def main() -> int:
    """The worst exit code; each run prints as it would alone, one after the other."""
    print("» Two parts of several minutes each; what runs beside the first in line is shown when it ends.", flush=True)
    return max(side_by_side(OTHER_CALLS, MONEY, FAULTS, beneath=CLASSES), side_by_side(WORDS, SOUND))


def side_by_side(*lanes: Sequence[str], beneath: Sequence[str] = ()) -> int:
    """Runs of pytest at once, by their arguments; the first one prints as it goes. `beneath` gets what the others leave
    of the cores."""
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        others = [(lane, 0) for lane in lanes[1:]] + ([(beneath, 10)] if beneath else [])
        logs = [Path(folder) / f"{number}.log" for number in range(len(others))]
        running: list[subprocess.Popen[bytes]] = []
        try:
            running += [_start(lane, log, nice) for (lane, nice), log in zip(others, logs, strict=True)]
            codes = [subprocess.call([sys.executable, "-m", "pytest", *lanes[0]])]
            codes += [other.wait() for other in running]
        finally:
            for other in running:
                if other.poll() is None:
                    other.terminate()
                    other.wait()
            for file in logs:
                sys.stdout.write(file.read_text() if file.exists() else "")
    return max(codes)


def _start(lane: Sequence[str], log: Path, nice: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pytest", *lane]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=lambda: os.nice(nice) and None)


if __name__ == "__main__":
    sys.exit(main())

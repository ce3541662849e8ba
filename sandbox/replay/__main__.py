"""`python -m sandbox.replay FILE FOLDER`: plays a flight record; the path of the new one is the last line printed."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from sandbox.ending import end_process
from sandbox.libopus import load_opus

from .player import play
from .reading import scenario_of


def main() -> int:
    """0 when the call was played, and recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a flight record")
    parser.add_argument("folder", type=Path, help="where the record of the call that is played goes")
    options = parser.parse_args()
    entries = [json.loads(line) for line in options.file.read_text().splitlines()]
    try:
        scenario = scenario_of(entries[1:])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    load_opus()
    print(f"» {len(scenario.present)} people, {len(scenario.steps)} steps, {scenario.length:.0f} seconds", flush=True)
    print(asyncio.run(play(scenario, options.folder)))
    return 0


if __name__ == "__main__":
    end_process(main())

"""`python -m sandbox.replay FILE FOLDER`: plays a flight record; the path of the new one is the last line printed."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

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
    try:
        scenario = scenario_of(_entries(options.file))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        print(f"{options.file} cannot be played: {error}", file=sys.stderr)
        return 1
    load_opus()
    print(f"» {len(scenario.present)} people, {len(scenario.steps)} steps, {scenario.length:.0f} seconds", flush=True)
    print(asyncio.run(play(scenario, options.folder / f"replay-of-{options.file.name}")))
    return 0


def _entries(file: Path) -> list[dict[str, Any]]:
    """Read the entries behind the first line; the last line of a process that died may be incomplete."""
    lines = file.read_bytes().split(b"\n")[1:-1]
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    end_process(main())

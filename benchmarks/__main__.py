"""`python -m benchmarks [NAME ...]` (or `make bench`) runs all benchmarks, or those named, and prints one table."""

import asyncio
import sys

from sandbox.ending import end_process
from sandbox.libopus import load_opus

from . import beat, calls, codec, cpu, crowd, cycles, delay, ending, harm, stopping, words
from .table import Row, show

BENCHMARKS = {
    "cpu": cpu.run,
    "delay": delay.run,
    "stopping": stopping.run,
    "beat": beat.run,
    "crowd": crowd.run,
    "harm": harm.run,
    "ending": ending.run,
    "cycles": cycles.run,
    "words": words.run,
    "calls": calls.run,
    "codec": codec.run,
}


async def _main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    failed = False
    for name in names or list(BENCHMARKS):
        print(f"» measuring {name} ...", file=sys.stderr, flush=True)
        try:
            rows += await BENCHMARKS[name]()
        except Exception as error:  # the others' figures are not lost with it
            print(f"{name} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
    print(show(rows), flush=True)  # LiveKit may abort the process when it ends
    return int(failed)


if __name__ == "__main__":
    load_opus()
    end_process(asyncio.run(_main(sys.argv[1:])))

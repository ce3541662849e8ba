"""`parley record`: what a flight record tells, and the same call once more."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bot.config.load import plugin_folders
from bot.errors import FlightRecordError, ParleyError
from bot.live.contract import ASSUMPTIONS as LIVE_ASSUMPTIONS
from bot.plugin_host.catalog import Catalog
from bot.recorder.comparison import differences, end_of
from bot.recorder.contract import Assumption, Finding, judge
from bot.recorder.reading import FlightRecord, read
from bot.recorder.timeline import timeline

from .exit_codes import EXIT_CONFIG, EXIT_DIFFERS, EXIT_FAILED
from .findings import lines_of

#: What a replay leaves to the stand-ins.
NOT_PLAYED = "  not from the record: keys and DAVE's messages, words, the room and the provider"


def show(file: Path, config: Path | None, *, everything: bool = False) -> int:
    """Print a flight record as a timeline, and what differs from what the code assumes; the exit code. `config` names
    the folders where a provider of one's own is found."""
    try:
        record = read(file)
        catalog = Catalog.load([] if config is None else plugin_folders(config), providers_only=True)
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED if isinstance(error, FlightRecordError) else EXIT_CONFIG
    for line in timeline(record, everything=everything):
        print(line)
    print()
    if record.header.get("provider") not in catalog.classes:
        print("The call's provider is not known here; `--config FILE` finds it by the `plugin_folders:` of a config.\n")
    for line in lines_of(findings(record, catalog)):
        print(line)
    if not record.whole:
        print("\nThe record is not whole: the process died, or there was too much of something.")
    return 0


def replay(file: Path, folder: Path | None) -> int:
    """Play a recorded call again on the stand-ins, and print what of its end is otherwise; 0 when nothing is."""
    try:
        first = read(file)
        if find_spec("sandbox") is None or find_spec("simcord") is None:
            raise ParleyError("A replay needs the stand-ins for Discord and Valsea: pip install 'parley[sandbox]'")
        second = read(_played(file, folder or file.parent))
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    found = list(differences(first, second))
    for line in found:
        print(f"! {line}")
    print(NOT_PLAYED)
    print(f"{'Another' if found else 'The same'} end as in {file.name}: {second.file}")
    if not found:
        end = end_of(second)
        print(f"  ended by {end.reason}; {end.voice_sessions} voice sessions, {end.people_heard} people heard")
    return EXIT_DIFFERS if found else 0


def _played(file: Path, folder: Path) -> Path:
    """Play a record in a process of its own, which shows what it does; the record of that."""
    command = [sys.executable, "-m", "sandbox.replay", str(file), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - a file of the user's
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            last = line.strip()
            if last.startswith("»"):
                print(last, flush=True)
    if process.returncode != 0:
        raise ParleyError(f"{file} could not be played; the lines above say why")
    return Path(last)


def findings(record: FlightRecord, catalog: Catalog) -> list[Finding]:
    """Return what became of every assumption: of the core's, of the provider's whose call it was, and of the live
    check's where it was one."""
    plugin = catalog.classes.get(str(record.header.get("provider")))
    of_provider: Sequence[Assumption] = () if plugin is None else plugin.assumptions
    of_check = LIVE_ASSUMPTIONS if record.header.get("live_check") else ()
    return list(judge(record, (*of_provider, *of_check)))

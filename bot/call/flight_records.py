"""The flight records of a process's calls, and what the first line of each says of the process."""

import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from bot import __version__
from bot.config.model import ServerSettings
from bot.recorder.folder import RecordFolder
from bot.recorder.recorder import NOT_RECORDED, Recorder

#: Libraries that speak with a service.
LIBRARIES = ("discord.py", "davey", "livekit", "httpx2", "aiohttp")


class FlightRecords:
    """Begins a flight record for each call, or for none when there is no folder. Close it at the end of the process."""

    #: What else the first line says.
    more: Mapping[str, bool] = MappingProxyType({})

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else RecordFolder(folder)
        # Reading them takes the disk, and a call begins on the main loop.
        self._libraries = {} if folder is None else {name: _version(name) for name in LIBRARIES}

    def begin(self, call_id: str, settings: ServerSettings) -> Recorder:
        """Begin the flight record of a call."""
        if self._folder is None:
            return NOT_RECORDED
        header = {
            "parley": __version__,
            "python": platform.python_version(),
            "system": sys.platform,
            "libraries": self._libraries,
            "provider": settings.provider,
            "consent": settings.consent,
            "hear_bots": settings.hear_bots,
            **self.more,
        }
        return self._folder.begin(call_id, header)

    def close(self) -> None:
        """Write what was reported, and end; it waits for the disk for a short time."""
        if self._folder is not None:
            self._folder.close()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a system's own package may have another name
        return None

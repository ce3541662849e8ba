"""The address of the last call's room, kept beside the ledger: `parley doctor` can try it without a paid session."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

log = logging.getLogger(__name__)


def _file(ledger_file: Path) -> Path:
    return ledger_file.with_suffix(".livekit")


def remember(ledger_file: Path, room_url: str) -> None:
    """Write down the scheme and host of a room's address. A failure is only logged, since no call depends on it."""
    parts = urlsplit(room_url)
    try:
        _file(ledger_file).write_text(f"{parts.scheme}://{parts.netloc}\n")
    except OSError as error:
        log.info("the room's address could not be saved: %s", error)


def recall(ledger_file: Path) -> str | None:
    """Return the address that was written down; None before the first call."""
    try:
        return _file(ledger_file).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None

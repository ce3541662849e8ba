"""What all calls of a process share."""

from dataclasses import dataclass

from bot.billing.closing import SessionCloser
from bot.billing.opening import SessionOpener

from .connection.media import MediaEngine
from .events import CallObserver


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call needs: `engine` carries the sound, `opener` and `closer` the provider's sessions; `observer` is
    told what happens."""

    engine: MediaEngine
    observer: CallObserver
    opener: SessionOpener
    closer: SessionCloser

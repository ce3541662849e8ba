"""What all calls of a process share."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.billing.closing import SessionCloser
from bot.billing.opening import SessionOpener
from bot.config.model import ServerSettings
from bot.recorder.recorder import NOT_RECORDED, Recorder

from .connection.media import MediaEngine
from .events import CallObserver


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call needs: `engine` carries the sound, `opener` and `closer` the provider's sessions; `observer` is
    told what happens, and `new_recorder` makes the flight recorder of a call from its id and settings."""

    engine: MediaEngine
    observer: CallObserver
    opener: SessionOpener
    closer: SessionCloser
    new_recorder: Callable[[str, ServerSettings], Recorder] = lambda call_id, settings: NOT_RECORDED

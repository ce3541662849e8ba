"""Ending a process in which LiveKit's SDK was loaded."""

import logging
import os
import sys
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """End this process with an exit code, without waiting for native threads.

    LiveKit's threads call into Python until the process is gone, and one that does so while the interpreter is being
    taken apart aborts it: exit code -6 after everything went well (see `bot.__main__`). Whatever is to be closed must
    be closed by now.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

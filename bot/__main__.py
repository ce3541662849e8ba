"""The command's process: `parley`, or `python -m bot`."""

import logging
import os
import sys
from typing import NoReturn

from bot.cli import main


def run() -> NoReturn:
    """Run the command and end the process with its exit code, without waiting for native threads.

    LiveKit's threads call into Python until the process is gone. One that does so while the interpreter is being taken
    apart is ended by it in the middle of Rust code, which aborts the process: exit code -6 after a clean stop (see
    Py_FinalizeEx and PyGILState_Ensure in Python's C API). By now everything is closed, so nothing is lost.
    """
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()

"""The command's process: `parley`, or `python -m bot`."""

import logging
import os
import sys
from typing import NoReturn

#: As shells count a process that SIGINT or SIGPIPE has ended: 128 and its number.
INTERRUPTED, PIPE_CLOSED = 130, 141


def run() -> NoReturn:
    """Run the command and end the process with its exit code, without waiting for native threads.

    LiveKit's threads call into Python until the process is gone. One that does so while the interpreter is being taken
    apart is ended by it in the middle of Rust code, which aborts the process: exit code -6 after a clean stop (see
    Py_FinalizeEx and PyGILState_Ensure in Python's C API). By now everything is closed, so nothing is lost.
    """
    if sys.platform == "win32":  # the ledger's lock, and the watchdog's line, are POSIX's
        sys.exit("Parley runs on Linux and macOS. On Windows it runs in WSL or in its Docker image; see the README.")
    try:
        from bot.cli.main import main  # not before: it imports what Windows does not have

        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:  # before anything runs that would want to end properly
        code = INTERRUPTED
    except BrokenPipeError:  # `parley record show ... | head`
        os._exit(PIPE_CLOSED)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()

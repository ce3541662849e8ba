"""`python -m agent --url wss://... --token ...` joins one room; `--worker` takes commands on standard input."""

import argparse
import asyncio
import json
import logging
import os
import sys
from typing import NoReturn

from .voicebot import Event, Voicebot
from .worker import Worker


def main() -> NoReturn:
    """Run what the arguments say, and end the process without waiting for native threads."""
    parser = argparse.ArgumentParser(prog="agent", description="A voicebot for a LiveKit room.")
    parser.add_argument("--worker", action="store_true", help="take commands on standard input, see agent/worker.py")
    parser.add_argument("--no-ears", action="store_true", help="with --worker: do not load what hearing needs")
    parser.add_argument("--url", help="the LiveKit server's address")
    parser.add_argument("--token", help="an access token for the room")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if options.worker:
        asyncio.run(Worker(ears=not options.no_ears).run())
    elif options.url and options.token:
        asyncio.run(_join(options.url, options.token))
    else:
        parser.error("give --url and --token, or --worker")
    # LiveKit's threads call into Python until the process is gone, and abort one that is being taken apart.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _join(url: str, token: str) -> None:
    def show(event: Event) -> None:
        print(json.dumps(str(event)), flush=True)

    voicebot = Voicebot(show)
    await voicebot.join(url, token, greet=True)
    try:
        await voicebot.wait()
    finally:
        await voicebot.leave()


if __name__ == "__main__":
    main()

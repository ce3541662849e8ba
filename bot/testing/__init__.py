"""For plugin authors: a call to play with (`server`), the same on a whole sandbox, and a suite for any plugin
(`conformance`). As a pytest plugin (`fixtures`) it comes with Parley: ask for the fixture `parley`. The `interaction`s,
the `clock`, the `calls`, the `host`, other `discord_parts` and the `watch` over the event loop are the parts of the
server.
"""

from .server import PlayedServer, Posted

__all__ = ["PlayedServer", "Posted"]

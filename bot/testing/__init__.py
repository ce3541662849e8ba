"""For plugin authors: a call to play with (`server`), the same on a whole sandbox, and a suite for any plugin
(`conformance`). As a pytest plugin (`fixtures`) it comes with Parley: ask for the fixture `parley`.
"""

from .server import PlayedServer, Posted

__all__ = ["PlayedServer", "Posted"]

"""Gives discord.py its libopus: the system's, else the one in PyAV's wheel."""

import ctypes.util
import importlib.util
from pathlib import Path

import discord


def load_opus() -> None:
    """Load it once; RuntimeError with what to install when there is none."""
    if discord.opus.is_loaded():
        return
    discord.opus.load_opus(find_opus())


def find_opus() -> str:
    """Its file; RuntimeError with what to install when there is none."""
    system = ctypes.util.find_library("opus")
    if system is not None:
        return system
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            for candidate in sorted(folder.glob("libopus*")):
                return str(candidate)
    raise RuntimeError("libopus is not installed: apt install libopus0, or brew install opus")

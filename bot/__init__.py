"""Parley: a voicebot that sits in a Discord voice channel."""

__version__ = "0.1.0"

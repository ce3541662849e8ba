"""Writes into the text channel who said what."""

from .plugin import TranscriptPlugin

PLUGIN = TranscriptPlugin

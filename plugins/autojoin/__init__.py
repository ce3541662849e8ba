"""Calls that begin by themselves when people arrive in a named voice channel; off until a server switches it on."""

from .plugin import AutoJoinPlugin

PLUGIN = AutoJoinPlugin

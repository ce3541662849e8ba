"""Plays a recorded call again: the bot as an operator runs it, on a Discord that behaves as the record says.

`reading` turns a flight record into a `scenario`: who was there, who spoke when, how the voice server behaved, what it
closed. `player` plays that on the stage, with people who have keys of their own. The bot writes a flight record of it,
which `parley record replay` holds against the first one.
"""

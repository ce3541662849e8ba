"""Slash commands as Discord knows them.

`tree` decides whether a command may run, `sync` registers them with Discord, `language` translates their names and
descriptions, and `errors` tells people what went wrong.
"""

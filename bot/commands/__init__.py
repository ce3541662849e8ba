"""Slash commands as Discord knows them.

`sync` registers them, `language` translates their names and descriptions, and `errors` tells people what went wrong.
"""

"""The commands under `/voicebot`, one module per subject. A class here is a group of discord.py's: its commands are
mounted by the plugin, directly under `/voicebot` or as a group of their own.

`call` is for the people in a call, `usage` and `doctor` for everybody, `setup`, `settings` and `plugins` for admins.
`channels` decides where somebody may send the bot, and `cooldown` how often they may.
"""

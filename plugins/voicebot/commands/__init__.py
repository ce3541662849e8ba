"""The commands under `/voicebot`, one module per subject. A class here is a group of discord.py's: its commands are
mounted by the plugin, directly under `/voicebot` or as a group of their own.

`call` (join, leave, mute, unmute, status), `usage`, `doctor` (doctor, test), then what admins change: `setup`, the
groups `settings` and `plugins`. `cooldown` limits those that cost something.
"""

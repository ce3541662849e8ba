"""The slash commands under `/voicebot`, and what the channel reads of a call.

`plugin` has the hooks, `commands` what people type, `announcing` and `posting` what the channel must read, `panel` the
live message, `receipts` what a call cost, `diagnosis` why somebody is not heard, `messages` the words of all of them.
"""

from .plugin import VoicebotPlugin

PLUGIN = VoicebotPlugin

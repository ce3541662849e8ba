"""Write the corpus anew: `python -m tests.bot.voice.hostile`."""

from . import write

write()

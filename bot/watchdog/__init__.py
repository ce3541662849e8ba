"""A second, tiny process that outlives the bot: it opens the sessions it may have to end, and ends what a dead or
frozen bot leaves open (`process`, which `main` starts). The bot's half is `client`; `messages` is what they say to
each other, and `pulse` how the one knows that the other lives.
"""

"""A second, tiny process that outlives the bot: it opens the sessions it may have to end, and ends what a dead or
frozen bot leaves open (`process`). The bot's half is `client`; `pulse` is how the one knows that the other lives."""

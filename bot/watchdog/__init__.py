"""A small second process that outlives the bot. It opens the sessions, so that it can end those that a dead or frozen
bot leaves open (`process`, started by `main`). `client` is the bot's side of it, `messages` defines what the two
processes exchange, and `heartbeat` shows the watchdog whether the bot is alive.
"""

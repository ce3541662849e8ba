"""Everything a server can switch on or off. Each package here is a discord.py extension built on `bot.api`."""

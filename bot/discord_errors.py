"""What requests to Discord raise when they fail, whoever makes them."""

import aiohttp
import discord

#: Discord refuses a request (`HTTPException`), or it does not get through; discord.py lets the latter pass as they are.
DISCORD_FAILURES = (discord.HTTPException, aiohttp.ClientError, OSError)

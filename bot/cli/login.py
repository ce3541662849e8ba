"""What keeps a bot from logging in, or from going on, in words for its operator."""

import sys

import aiohttp
import discord

from bot import secret
from bot.errors import ParleyError, SecretError

from .exit_codes import EXIT_FAILED, EXIT_LOGIN

TOKEN_REFUSED = 4004  # https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway

#: What `explain` has words for.
FAILURES = (
    discord.LoginFailure,
    discord.ConnectionClosed,
    discord.PrivilegedIntentsRequired,
    discord.HTTPException,
    ParleyError,
    aiohttp.ClientError,
    OSError,
)


def read_token(variable: str, whose: str = "the bot's") -> str | None:
    """Return a bot's token from the environment; None when there is none that can be used, which is printed."""
    try:
        token = secret.read(variable)
    except SecretError as error:
        print(error, file=sys.stderr)
        return None
    if not token:
        print(
            f"The environment variable {variable} with {whose} token is not set. "
            "Get one at https://discord.com/developers/applications, Bot, Reset Token.",
            file=sys.stderr,
        )
    return token or None


def explain(error: Exception, variable: str) -> int:
    """Print why a bot with the token in `variable` cannot go on; the exit code."""
    text, code = _explanation(error, variable)
    print(text, file=sys.stderr)
    return code


def _explanation(error: Exception, variable: str) -> tuple[str, int]:
    refused = f"Discord refused the token in {variable}. Reset it in the developer portal."
    match error:
        case discord.LoginFailure():
            return refused, EXIT_LOGIN
        case discord.ConnectionClosed() if error.code == TOKEN_REFUSED:  # it was reset while the bot ran
            return refused, EXIT_LOGIN
        case discord.ConnectionClosed():
            return f"Discord's gateway ended the session for good (code {error.code}). Try again later.", EXIT_FAILED
        case discord.PrivilegedIntentsRequired():
            return "Discord refused the bot's intents; Parley needs no privileged ones.", EXIT_LOGIN
        case ParleyError():
            return str(error), EXIT_FAILED
        case discord.HTTPException():
            return f"Discord refused what the bot asked for at its start: {error}. Try again later.", EXIT_FAILED
    return f"Discord cannot be reached: {error}. Check the network, and `network:` in the config.", EXIT_FAILED

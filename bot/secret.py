"""Secrets from the environment: without the blanks that copying leaves, refused by name when they cannot be sent."""

import os

from bot.errors import SecretError
from bot.language import say


def read(variable: str) -> str | None:
    """Return a token or key; None when the variable is not set or empty.

    SecretError, which names the variable and never its value, when it contains what no HTTP header may (RFC 9110
    section 5.5): a client would fail with it later.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        return None
    if not all("!" <= character <= "~" for character in value):
        raise SecretError(
            f"the environment variable {variable} contains a space, a line break or a character that no key has; "
            "copy the key again, as a single line",
            for_user=say(
                "The environment variable `{variable}` does not hold a valid key. The bot's operator must set it "
                "again.",
                variable=variable,
            ),
        )
    return value

"""What people are told of an error in a command: the refusal, the way out, and nothing of the inside."""

import logging
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.commands.errors import explain, explained, is_refusal
from bot.errors import ParleyError, Refused
from bot.plugin_host.plugin import CommandRefused
from bot.testing.discord_parts import refusal

COOLDOWN = app_commands.CommandOnCooldown(app_commands.Cooldown(1, 30.0), 4.2)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Refused("Only admins may."), "Only admins may."),
        (CommandRefused("It is off here."), "It is off here."),
        (COOLDOWN, "Not so fast: try again in 5 seconds."),
        (app_commands.CommandNotFound("join", []), "This command has changed since Discord showed it to you."),
        (app_commands.CheckFailure(), "You may not use this command here."),
        (ValueError("a key: sk_secret"), "Something went wrong inside the bot. Its operator's log says what."),
        (aiohttp.ClientConnectionError("reset"), "Something went wrong inside the bot."),
    ],
)
def test_the_sentence(error: Exception, text: str) -> None:
    told = str(explained(error))
    assert told.startswith(text)
    assert "secret" not in told


def test_only_what_is_wrong_with_us_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    explained(Refused("no"))
    explained(aiohttp.ClientConnectionError("reset"))
    explained(ValueError("a bug"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]


def test_a_refusal_is_no_fault() -> None:
    assert is_refusal(ParleyError("no"))
    assert is_refusal(COOLDOWN)
    assert not is_refusal(ValueError())


class Asked:
    """An interaction that notes how it was answered."""

    def __init__(self, *, answered: bool, failure: Exception | None = None) -> None:
        self.locale = discord.Locale.german
        self.told: list[tuple[str, str, bool]] = []
        self.failure = failure

        async def tell(how: str, text: str, ephemeral: bool) -> None:
            if self.failure is not None:
                raise self.failure
            self.told.append((how, text, ephemeral))

        self.response = SimpleNamespace(
            is_done=lambda: answered, send_message=lambda text, *, ephemeral: tell("first", text, ephemeral)
        )
        self.followup = SimpleNamespace(send=lambda text, *, ephemeral: tell("later", text, ephemeral))


@pytest.mark.parametrize(("answered", "how"), [(False, "first"), (True, "later")])
async def test_it_is_told_privately_in_their_language(answered: bool, how: str) -> None:
    asked: Any = Asked(answered=answered)
    await explain(asked, app_commands.CheckFailure())
    ((told_how, text, ephemeral),) = asked.told
    assert (told_how, ephemeral) == (how, True)
    assert "You may not" not in text  # it is German


async def test_an_answer_that_discord_does_not_take_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    asked: Any = Asked(answered=False, failure=refusal(404, "Unknown interaction"))
    await explain(asked, Refused("no"))
    assert "could not be delivered" in caplog.text

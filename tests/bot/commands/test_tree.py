"""Commands of plugins that are off, and what people read when a command fails."""

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from discord import app_commands

from bot.commands import tree as module
from bot.commands.tree import CommandTree
from bot.errors import Refused
from bot.plugin_host.plugin import SwitchedOff

ON, OFF = 1, 2  # guild ids
TYPED, TYPING = discord.InteractionType.application_command, discord.InteractionType.autocomplete


class Plugins:
    """Every command is off on one server."""

    def switched_off(self, command: Any, guild_id: int) -> SwitchedOff | None:
        return SwitchedOff(f"{command.name} is off") if guild_id == OFF else None


@app_commands.command(description="Roll")
async def dice(interaction: discord.Interaction[Any]) -> None: ...


@app_commands.command(description="Roll, and explain")
async def own_words(interaction: discord.Interaction[Any]) -> None: ...


@own_words.error
async def _explain(interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None: ...


@pytest.fixture
def tree() -> CommandTree:
    client: Any = discord.Client(intents=discord.Intents.none())
    client.plugins = Plugins()
    return CommandTree(client)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """The errors of which people were told."""
    told: list[Exception] = []

    async def explain(_: Any, error: Exception) -> None:
        told.append(error)

    monkeypatch.setattr(module, "explain", explain)
    return told


def _asked(command: Any = dice, guild_id: int | None = ON, kind: discord.InteractionType = TYPED) -> Any:
    return SimpleNamespace(command=command, guild_id=guild_id, type=kind)


async def test_a_command_is_run_where_its_plugin_is_on_and_refused_where_it_is_off(tree: CommandTree) -> None:
    assert await tree.interaction_check(_asked())
    with pytest.raises(SwitchedOff, match="dice is off"):
        await tree.interaction_check(_asked(guild_id=OFF))


async def test_suggestions_of_a_command_that_is_off_are_left_out_without_a_word(tree: CommandTree) -> None:
    assert not await tree.interaction_check(_asked(guild_id=OFF, kind=TYPING))
    assert await tree.interaction_check(_asked(kind=TYPING))


async def test_outside_of_servers_and_for_what_is_no_command_nothing_is_off(tree: CommandTree) -> None:
    assert await tree.interaction_check(_asked(guild_id=None))
    assert await tree.interaction_check(_asked(command=None, guild_id=OFF))


async def test_people_are_told_of_the_error_itself_and_not_that_a_command_raised_one(
    tree: CommandTree, told: list[Exception]
) -> None:
    refused, off = Refused("no"), SwitchedOff("off")
    await tree.on_error(_asked(), app_commands.CommandInvokeError(cast(Any, dice), refused))
    await tree.on_error(_asked(), off)
    await tree.on_error(_asked(command=None), off)
    assert told == [refused, off, off]


async def test_a_command_with_an_error_handler_of_its_own_answers_by_itself(
    tree: CommandTree, told: list[Exception]
) -> None:
    await tree.on_error(_asked(command=own_words), app_commands.CheckFailure())
    assert told == []

"""Slash commands and Discord's events in plugin tests: what is answered, and what fails."""

import asyncio
from pathlib import Path

import discord
import pytest

from bot.testing import conformance, interaction
from bot.testing.discord_parts import Person
from bot.testing.server import PlayedServer

PLUGIN = """
import asyncio
from enum import Enum

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import Refused
from bot.plugin_host.plugin import Plugin


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Tools(app_commands.Group):
    @app_commands.command(name="use", description="Use")
    async def use(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("used", ephemeral=True)


class DicePlugin(Plugin):
    tools = Tools(name="tools", description="Tools")
    name = "dice"
    dice = app_commands.Group(name="dice", description="Dice")
    arrived = []

    @dice.command(name="roll", description="Roll")
    async def roll(self, interaction: discord.Interaction, sides: app_commands.Range[int, 2, 100] = 6,
                   person: discord.Member | None = None) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        whose = interaction.user if person is None else person
        await interaction.followup.send(f"{whose.display_name} rolls a {sides}", ephemeral=True)

    @dice.command(name="shout", description="Shout")
    async def shout(self, interaction: discord.Interaction, text: str) -> None:
        await interaction.response.send_message(text)

    @dice.command(name="refuse", description="Refuse")
    async def refuse(self, interaction: discord.Interaction) -> None:
        raise Refused("Not today.")

    @dice.command(name="kindly", description="Refuse, in its own words")
    async def kindly(self, interaction: discord.Interaction) -> None:
        raise Refused("Not today.")

    @kindly.error
    async def kindly_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        await interaction.response.send_message(f"I say it myself: {error.original}", ephemeral=True)

    @dice.command(name="whom", description="Somebody, or a role")
    async def whom(self, interaction: discord.Interaction, whom: discord.Member | discord.Role,
                   below: app_commands.Range[int, None, 0] = 0) -> None:
        await interaction.response.send_message(f"{whom.name} {below}", ephemeral=True)

    @dice.command(name="where", description="A channel")
    async def where(self, interaction: discord.Interaction, where: discord.TextChannel) -> None:
        await interaction.response.send_message(where.name, ephemeral=True)

    @dice.command(name="seldom", description="Now and then")
    @app_commands.checks.cooldown(1, 600)
    async def seldom(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("now", ephemeral=True)

    @dice.command(name="break", description="Break")
    async def break_(self, interaction: discord.Interaction) -> None:
        # HERE

    @dice.command(name="colour", description="A colour")
    @app_commands.choices(one=[app_commands.Choice(name="Red", value="r"), app_commands.Choice(name="Blue", value="b")])
    async def colour(self, interaction: discord.Interaction, one: app_commands.Choice[str], mode: Mode) -> None:
        await interaction.response.send_message(f"{one.name} {mode.name}", ephemeral=True)

    @app_commands.command(name="manage", description="For who may")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def manage(self, interaction: discord.Interaction) -> None:
        where = None if interaction.user.voice is None else interaction.user.voice.channel.name
        await interaction.response.send_message(f"{interaction.user.name} {where}", ephemeral=True)

    @dice.command(name="own", description="Answers for itself")
    async def own(self, interaction: discord.Interaction) -> None:
        raise KeyError("x")

    @own.error
    async def own_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        await interaction.response.send_message("in my own words", ephemeral=True)

    @commands.Cog.listener()
    async def on_voice_state_update(self, member, before, after) -> None:
        self.arrived.append((member.display_name, before.channel, getattr(after.channel, "name", None)))
        # THERE


PLUGIN = DicePlugin
"""


def write_plugin(
    folder: Path, here: str = 'await interaction.response.send_message("fine")', there: str = "pass"
) -> Path:
    dice = folder / "dice"
    dice.mkdir()
    (dice / "plugin.yaml").write_text("name: dice\nversion: 1.0.0\napi: 1\ndescription: Rolls dice\n")
    (dice / "__init__.py").write_text(PLUGIN.replace("# HERE", here).replace("# THERE", there))
    return dice


async def test_what_is_answered(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path))
    assert await server.command("dice roll") == "Ann rolls a 6"
    assert await server.command("dice roll", "Ben", sides=20, person="Cleo") == "Cleo rolls a 20"
    assert server.messages == [], "only who asked reads it"
    assert await server.command("dice shout", text="hello") == "hello"
    assert server.messages == ["hello"]
    assert await server.command("dice refuse") == "Not today."
    assert await server.command("dice kindly") == "I say it myself: Not today."
    assert await server.command("dice whom", whom="Ben", below=-3) == "Ben -3"
    with pytest.raises(AssertionError, match="where takes a channel, and no name of one: 'museum-talk'"):
        await server.command("dice where", where="museum-talk")
    assert await server.command("dice seldom") == "now"
    assert (await server.command("dice seldom")).startswith("Not so fast: try again in ")
    assert server.failures == []
    await server.close()


async def test_refusals_in_the_servers_language(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path), language="de")
    await server.command("dice seldom")
    assert (await server.command("dice seldom")).startswith("Nicht so schnell")
    await server.close()


async def test_where_the_plugin_is_off(tmp_path: Path) -> None:
    """However a command is made: discord.py asks the cog only for those right in it."""
    server = await PlayedServer.open(write_plugin(tmp_path), {"enabled": False})
    for name in ("dice roll", "tools use", "manage"):
        assert await server.command(name) == "`dice` is switched off on this server."
    await server.close()


async def test_choices_enums_permissions_and_handlers_of_ones_own(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path))
    assert await server.command("dice colour", one="b", mode="fast") == "Blue FAST"
    assert await server.command("tools use") == "used"
    await server.join_voice("Ann")
    assert await server.command("manage") == "Ann Lounge"
    assert await server.command("dice own") == "in my own words"
    server.guild.people[1] = Person(1, "Bo", server.guild, guild_permissions=discord.Permissions.none())
    assert await server.command("manage", "Bo") == "You may not use this command here."
    for sides, wrong in ((101, "sides is above 100"), (1, "sides is below 2")):
        with pytest.raises(AssertionError, match=wrong):
            await server.command("dice roll", sides=sides)
    for no_number in ("many", True):
        with pytest.raises(AssertionError, match="sides takes integer"):
            await server.command("dice roll", sides=no_number)
    with pytest.raises(AssertionError, match="one is none of r, b"):
        await server.command("dice colour", one="green", mode="fast")
    assert server.failures == []
    await server.close()


async def test_what_is_typed_wrongly(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path))
    for name, options, wrong in (
        (
            "dice rol",
            {},
            "there is no command /dice rol; there are: dice break, dice colour",
        ),
        ("dice shout", {}, "/dice shout needs the option text"),
        ("dice roll", {"eyes": 3}, "/dice roll has no option eyes; it has: sides, person"),
    ):
        with pytest.raises(AssertionError) as caught:
            await server.command(name, **options)
        assert str(caught.value).startswith(wrong)
    await server.close()


@pytest.mark.parametrize(
    ("here", "wrong"),
    [
        ('raise KeyError("x")', "/dice break failed: KeyError: 'x'"),
        ("pass", "/dice break was never answered"),
        ('await interaction.response.send_message("")', "Cannot send an empty message"),
        ('await interaction.response.send_message("x" * 2001)', "Must be 2000 or fewer"),
        (
            "await interaction.response.defer(); await interaction.response.defer()",
            "This interaction has already been responded to before",
        ),
        ("await interaction.response.defer(thinking=True)", "/dice break says that it is thinking, and never answers"),
    ],
)
async def test_commands_that_fail_are_failures_and_seen_by_the_conformance_suite(
    tmp_path: Path, here: str, wrong: str
) -> None:
    folder = write_plugin(tmp_path, here)
    server = await PlayedServer.open(folder)
    await server.command("dice break")
    assert wrong in server.failures[0]
    await server.close()
    found = await conformance.run(folder, conformance.commands)
    assert any(wrong in problem for problem in found), found


async def test_an_answer_that_comes_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interaction, "ANSWER_LIMIT", 0.05)
    server = await PlayedServer.open(
        write_plugin(tmp_path, 'await asyncio.sleep(0.2); await interaction.response.send_message("late")')
    )
    assert await server.command("dice break") == "late"
    assert "Discord forgets it after 3: use defer()" in server.failures[0]
    server.failures.clear()
    await server.close()


async def test_people_come_and_go(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path))
    await server.join_voice("Ann")
    assert list(server.voice.voice_states) == [server.person("Ann").id]
    await server.leave_voice("Ann")
    assert list(server.voice.voice_states) == []
    plugin: object = server.plugin
    assert getattr(plugin, "arrived") == [("Ann", None, "Lounge"), ("Ann", server.voice, None)]  # noqa: B009
    assert server.failures == []
    await server.close()


async def test_a_listener_that_fails(tmp_path: Path) -> None:
    server = await PlayedServer.open(write_plugin(tmp_path, there="raise RuntimeError('no')"))
    await server.join_voice("Ann")
    assert server.failures == ["on_voice_state_update failed: RuntimeError: no"]
    server.failures.clear()
    await asyncio.sleep(0)
    await server.close()

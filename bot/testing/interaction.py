"""A slash command in memory: who types it, what discord.py would check and call, and what is answered."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import discord
from discord import app_commands

from bot.commands.errors import explained, is_refusal
from bot.language import in_language, spoken

from .discord_parts import Channel, Person, Posted, as_posted

Command = app_commands.Command[Any, ..., Any]

#: Seconds after which Discord forgets an interaction that nobody has answered (Discord docs, Interaction Callback).
ANSWER_LIMIT = 3.0


#: Options whose values are text, numbers or switches, and what those are in Python.
PLAIN: dict[discord.AppCommandOptionType, tuple[type, ...]] = {
    discord.AppCommandOptionType.string: (str,),
    discord.AppCommandOptionType.integer: (int,),
    discord.AppCommandOptionType.number: (float, int),
    discord.AppCommandOptionType.boolean: (bool,),
}
#: Options that people can be given for.
PEOPLE = (discord.AppCommandOptionType.user, discord.AppCommandOptionType.mentionable)


class Interaction:
    """What commands use of discord.py's class of that name, which has as many attributes, and what was answered."""

    def __init__(self, client: Any, channel: Channel, user: Person, command: Command) -> None:
        self.client, self.channel, self.user, self.command = client, channel, user, command
        self.guild = channel.guild
        self.guild_id, self.channel_id = self.guild.id, channel.id
        self.locale = self.guild_locale = self.guild.preferred_locale
        self.permissions, self.app_permissions = user.guild_permissions, discord.Permissions.all()
        self.type = discord.InteractionType.application_command
        self.created_at: datetime = discord.utils.utcnow()
        self.response = Response(self)
        self.followup = Followup(self)
        #: The answers in order, as the person who typed the command reads them; public ones are also in the channel.
        self.answers: list[Posted] = []
        self.answered_after: float | None = None  # seconds
        self.thinking = False
        self._began = time.monotonic()

    async def original_response(self) -> Posted:
        """Fetch the first answer to the interaction."""
        return self.answers[0]

    async def edit_original_response(self, **changes: Any) -> Posted:
        """Edit the first answer; after a `defer` this is the first."""
        if not self.answers:
            return self.put(ephemeral=True, **changes)
        return await self.answers[0].edit(**changes)

    def first(self) -> None:
        """Note that Discord has an answer by now."""
        if self.answered_after is not None:
            raise discord.InteractionResponded(self)  # type: ignore[arg-type]
        self.answered_after = time.monotonic() - self._began

    def put(self, content: str | None = None, *, ephemeral: bool = False, **more: Any) -> Posted:
        """Add an answer; discord.HTTPException for what Discord does not take."""
        more.pop("wait", None)
        message = as_posted(content, **more)
        self.answers.append(message)
        if not ephemeral:
            self.channel.posted.append(message)
        return message


class Response:
    """What discord.py's `InteractionResponse` offers a command."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction

    def is_done(self) -> bool:
        """Whether there was a first answer already."""
        return self._interaction.answered_after is not None

    async def defer(self, *, ephemeral: bool = False, thinking: bool = False) -> None:
        """Answer that an answer will come."""
        self._interaction.first()
        self._interaction.thinking = thinking

    async def send_message(self, content: str | None = None, **more: Any) -> None:
        """Answer with a message to whoever typed the command."""
        self._interaction.first()
        self._interaction.put(content, **more)

    async def send_modal(self, modal: discord.ui.Modal, /) -> None:
        """Answer with a dialog to be filled in."""
        self._interaction.first()


class Followup:
    """The webhook of later answers."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction

    async def send(self, content: str | None = None, **more: Any) -> Posted:
        """Send one more answer after the first."""
        return self._interaction.put(content, **more)


def commands_below(tree: Any) -> Iterator[Command]:
    """Iterate over every command that can be typed."""
    for top in tree.get_commands():
        for command in [top, *(top.walk_commands() if isinstance(top, app_commands.Group) else ())]:
            if isinstance(command, app_commands.Command):
                yield command


def find(tree: Any, name: str) -> Command:
    """Find a command by what is typed, such as `dice roll`; AssertionError with those there are."""
    there = {command.qualified_name: command for command in commands_below(tree)}
    assert name in there, f"there is no command /{name}; there are: {', '.join(sorted(there)) or 'none'}"
    return there[name]


async def arguments(interaction: Interaction, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what discord.py would call a command with; AssertionError for options it does not have, lacks, or that are
    out of range as Discord judges before it sends them."""
    command, values = interaction.command, {}
    known = {parameter.display_name: parameter for parameter in command.parameters}
    for name in options:
        assert name in known, f"/{command.qualified_name} has no option {name}; it has: {', '.join(known) or 'none'}"
    for name, parameter in known.items():
        assert name in options or not parameter.required, f"/{command.qualified_name} needs the option {name}"
        values[parameter.name] = parameter.default
        if name in options:
            _check(f"/{command.qualified_name}: {name}", parameter, options[name])
            # As discord.py does, for choices and enums; people and channels are given as they are.
            plain = parameter.type in PLAIN
            internal = command._params[parameter.name]
            values[parameter.name] = await internal.transform(interaction, options[name]) if plain else options[name]  # type: ignore[arg-type]
    return values


def _check(what: str, parameter: app_commands.Parameter, value: Any) -> None:
    kinds = PLAIN.get(parameter.type)
    if kinds is None:
        assert not isinstance(value, str), f"{what} takes a {parameter.type.name}, and no name of one: {value!r}"
        return
    # A bool is an int in Python, and neither Discord's nor ours.
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    assert fits, f"{what} takes {parameter.type.name}, not {value!r}"
    if parameter.choices:
        there = [choice.value for choice in parameter.choices]
        assert value in there, f"{what} is none of {', '.join(map(str, there))}"
    size = len(value) if isinstance(value, str) else value
    assert parameter.min_value is None or size >= parameter.min_value, f"{what} is below {parameter.min_value}"
    assert parameter.max_value is None or size <= parameter.max_value, f"{what} is above {parameter.max_value}"


async def run(interaction: Interaction, values: Mapping[str, Any]) -> str | None:
    """Run the command's checks, then the command. Return what went wrong in it, None when nothing did.

    A refusal is no fault: it is answered with its words for the user, as the bot does.
    """
    command = interaction.command
    name = f"/{command.qualified_name}"
    try:
        if (off := interaction.client.plugins.switched_off(command, interaction.guild_id)) is not None:
            raise off
        if not await _may_run(interaction):
            raise app_commands.CheckFailure
        binding = () if command.binding is None else (command.binding,)
        await command.callback(*binding, interaction, **values)
    except Exception as error:
        if not await _handled(interaction, error):
            interaction.put(in_language(explained(error), spoken(interaction.locale)), ephemeral=True)
            return None if is_refusal(error) else f"{name} failed: {type(error).__name__}: {error}"
    if interaction.answered_after is None:
        return f"{name} was never answered"
    if interaction.thinking and not interaction.answers:
        return f"{name} says that it is thinking, and never answers"
    if interaction.answered_after > ANSWER_LIMIT:
        return f"{name} was answered after {interaction.answered_after:.1f} s; Discord forgets it after 3: use defer()"
    return None


async def _handled(interaction: Interaction, error: Exception) -> bool:
    """Call the command's own error handlers; return whether there are any."""
    command = interaction.command
    if not command._has_any_error_handlers():
        return False
    if not isinstance(error, app_commands.AppCommandError):
        error = app_commands.CommandInvokeError(command, error)
    await command._invoke_error_handlers(interaction, error)  # type: ignore[arg-type]
    return True


async def _may_run(interaction: Interaction) -> bool:
    """As discord.py asks: the groups above, the cog, the command's own checks."""
    command = interaction.command
    asked: list[Any] = [command.parent] if command.parent is not None and command.parent is not command.binding else []
    if hasattr(command.binding, "interaction_check"):
        asked.append(command.binding)
    for one in asked:
        if not await discord.utils.maybe_coroutine(one.interaction_check, interaction):
            return False
    for check in command.checks:
        if not await discord.utils.maybe_coroutine(check, interaction):  # type: ignore[arg-type]
            return False
    return True


def _number_within(parameter: app_commands.Parameter, usual: float) -> float:
    least = usual if parameter.min_value is None else parameter.min_value
    return least if parameter.max_value is None else min(least, parameter.max_value)


def samples(command: Command, person: Person, channel: Channel) -> dict[str, Any] | None:
    """Return a possible value for every option; None when an option has a type for which there is no sample
    here."""
    kinds = discord.AppCommandOptionType
    values: dict[str, Any] = {}
    for parameter in command.parameters:
        sample = {
            kinds.string: "x" * int(parameter.min_value or 1),
            kinds.integer: _number_within(parameter, 1),
            kinds.number: _number_within(parameter, 1.5),
            kinds.boolean: True,
            kinds.user: person,
            kinds.channel: channel,
        }.get(parameter.type)
        if parameter.choices:
            sample = parameter.choices[0].value
        if sample is None:
            return None
        values[parameter.display_name] = sample
    return values

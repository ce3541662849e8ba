"""`/voicebot settings`: a server's own settings, seen and changed by its admins without the host's disk."""

import asyncio
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import discord
import yaml
from discord import app_commands

from bot.api import (
    ABSENT,
    CommandRefused,
    Config,
    ConfigError,
    Host,
    Key,
    Problem,
    Refused,
    ServerKeys,
    as_written,
    check_configure,
    describe_missing,
    edited_yaml,
    fit,
    in_language,
    leaves,
    missing_ids,
    operators_part,
    parse_yaml,
    plain,
    say,
    server_keys,
)

from ..interactions import Interaction, guild_and_member, locale_of
from .cooldown import locally_limited

MAX_CHOICES = 25  # Discord's limit of an autocomplete
MAX_CHOICE_LENGTH = 100


class SettingsCommands(app_commands.Group):
    """The group `/voicebot settings` with its subcommands."""

    def __init__(self, host: Host) -> None:
        super().__init__(name="settings", description="This server's settings")
        self._host = host

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Return whether somebody may use these commands; discord.py asks before each."""
        try:
            guild, member = guild_and_member(interaction)
            check_configure(member, self._host.config.server(guild.id).access)
        except Refused as error:
            raise CommandRefused(error.for_user) from error
        return True

    @app_commands.command(name="show", description="What is set on this server, or one setting")
    @locally_limited
    @app_commands.describe(key="a setting; by default everything that this server has changed")
    async def show(self, interaction: Interaction, key: str | None = None) -> None:
        """Show the values that are in force for the next call."""
        guild_id = _guild(interaction)
        if key is not None:
            await _answer(interaction, describe(self._key(key), self._host.config, guild_id, locale_of(interaction)))
            return
        language = locale_of(interaction)
        if faults := self._host.config.faults.get(guild_id):
            text = say(
                "The settings file has a mistake and is not in force. By line:\n{problems}",
                problems=by_line(faults, language),
            )
            await _answer(interaction, text)
            return
        own = self._own(interaction)
        given = {path: value for path, value in self._of_the_operator(guild_id).items() if path not in own}
        if not own and not given:
            await _answer(interaction, say("This server has changed nothing: the defaults are in force."))
            return
        lines = []
        for heading, settings in (
            (say("This server's own settings:"), own),
            (say("Set for this server by the bot's operator:"), given),
        ):
            if settings:
                lines.append(heading.to(language))
                lines += [f"`{'.'.join(path)}`: {inline(value)}" for path, value in settings.items()]
        await _answer(interaction, "\n".join(lines))

    @app_commands.command(name="set", description="Change a setting")
    @locally_limited
    @app_commands.describe(key="which one", value="as in the config file: 90, true, guide, [123, 456]")
    async def set_(self, interaction: Interaction, key: str, value: str) -> None:
        """Set one key in the server's own file."""
        await interaction.response.defer(ephemeral=True, thinking=True)  # the whole config is checked, and written
        found = self._changeable(key)
        try:
            if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(value)):  # a few can stand for millions
                raise ValueError("an alias")
            parsed = parse_yaml(_FILE, f"value:\n  {value}").data["value"]  # as it would be read in the file
        except (yaml.YAMLError, ConfigError, ValueError, RecursionError) as error:  # such as 2026-13-45
            raise Refused(say("“{value}” cannot be read as a value.", value=plain(value)[:100])) from error
        await self._change(interaction, {found.path: parsed})
        await _answer(
            interaction,
            say("`{key}` is now {value}. It takes effect with the next call.", key=found.dotted, value=inline(parsed)),
            *(
                describe_missing(one)
                for one in missing_ids(guild_and_member(interaction)[0], self._host.config)
                if one.key == found.dotted
            ),
        )

    @app_commands.command(name="reset", description="Give a setting back its default")
    @locally_limited
    async def reset(self, interaction: Interaction, key: str) -> None:
        """Take a key out of the server's own file."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        found = self._changeable(key)
        await self._change(interaction, {found.path: ABSENT})
        now = value_of(self._host.config, _guild(interaction), found.path)
        await _answer(
            interaction,
            say("`{key}` is {value} again. It takes effect with the next call.", key=found.dotted, value=inline(now)),
        )

    @app_commands.command(name="export", description="This server's settings as a file")
    @locally_limited
    async def export(self, interaction: Interaction) -> None:
        """Send the server's own file, without what is the operator's."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild_id = _guild(interaction)
        without = dict.fromkeys(self._operators_own(interaction), ABSENT)
        with told_plainly(interaction):  # in a thread: a careful YAML editor needs a third of a second for the largest
            text = await asyncio.to_thread(edited_yaml, _FILE, self._host.server_text(guild_id), without)
        file = discord.File(io.BytesIO((text or "# nothing is set\n").encode()), f"voicebot-{guild_id}.yaml")
        await interaction.followup.send(file=file, ephemeral=True)

    @app_commands.command(name="import", description="Replace this server's settings by a file's")
    @locally_limited
    @app_commands.describe(file="as export gives it")
    async def import_(self, interaction: Interaction, file: discord.Attachment) -> None:
        """Put a file in place of the server's own; what is the operator's stays as it is."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if file.size > MAX_IMPORT_BYTES:
            raise Refused(say("The file is larger than {limit} bytes.", limit=MAX_IMPORT_BYTES))
        try:
            text = (await file.read()).decode()
        except UnicodeDecodeError as error:
            raise Refused(say("The file is not UTF-8 text.")) from error
        with told_plainly(interaction):
            await self._host.replace_settings(_guild(interaction), text)
        told = say("The settings are in place. They take effect with the next call.")
        await interaction.followup.send(told.to(locale_of(interaction)), ephemeral=True)

    @show.autocomplete("key")
    async def _any_key(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return choices(self._keys(), typed)

    @set_.autocomplete("key")
    @reset.autocomplete("key")
    async def _changeable_key(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return choices((dotted for dotted, key in self._keys().items() if not key.operator), typed)

    def _keys(self) -> ServerKeys:
        return server_keys(self._host.plugins.models, self._host.config.host.locked)

    def _key(self, dotted: str) -> Key:
        keys = self._keys()
        if dotted not in keys:
            near = ", ".join(f"`{choice.value}`" for choice in choices(keys, dotted.rpartition(".")[2])[:5])
            name = plain(dotted)[:100]
            if not near:
                raise Refused(say("There is no setting `{name}`.", name=name))
            raise Refused(say("There is no setting `{name}`. Is it one of {known}?", name=name, known=near))
        return keys[dotted]

    def _changeable(self, dotted: str) -> Key:
        key = self._key(dotted)
        if key.operator:
            raise Refused(say("Only the bot's operator can change `{key}`.", key=dotted))
        return key

    def _own(self, interaction: Interaction) -> dict[tuple[str, ...], Any]:
        """Show what the server's own file says."""
        with told_plainly(interaction):
            text = self._host.server_text(_guild(interaction))
            return dict(leaves(parse_yaml(_FILE, text).data, self._keys()))

    def _of_the_operator(self, guild_id: int) -> dict[tuple[str, ...], Any]:
        """Show what the bot's own config file says of this server alone, and its own file laid over that."""
        block = self._host.config.host.servers.get(guild_id)
        said = {} if block is None else block.model_dump(exclude_unset=True)
        return dict(leaves(said, self._keys()))

    def _operators_own(self, interaction: Interaction) -> dict[tuple[str, ...], Any]:
        """Return what of the server's own settings is the operator's."""
        with told_plainly(interaction):
            return operators_part(parse_yaml(_FILE, self._host.server_text(_guild(interaction))).data, self._keys())

    async def _change(self, interaction: Interaction, changes: Mapping[tuple[str, ...], Any]) -> None:
        with told_plainly(interaction):
            await self._host.change_settings(_guild(interaction), changes)


#: Bytes of one server's settings; a careful YAML editor needs a second for fifty times as many.
MAX_IMPORT_BYTES = 32_000
_FILE = Path("settings.yaml")  # as people know it: the host's paths are nobody's business


@contextmanager
def told_plainly(interaction: Interaction) -> Iterator[None]:
    """Turn a ConfigError into a refusal in the language of the person who asked."""
    try:
        yield
    except ConfigError as error:
        raise refusal(error, locale_of(interaction)) from error


def refusal(error: ConfigError, language: str) -> Refused:
    """Make a refusal of what is wrong with settings, without the host's paths."""
    problems = by_line(error.problems, language)
    return Refused(say("That cannot be set, and nothing was changed. By line:\n{problems}", problems=problems))


def by_line(problems: Sequence[Problem], language: str) -> str:
    """Return what is wrong by line, without the host's paths."""
    lines = []
    for problem in problems[:5]:
        key = problem.key.split(".", 2)[-1] if problem.key.startswith("servers.") else problem.key
        lines.append(
            f"{problem.place.line}: " + (f"`{key}`: " if key else "") + plain(in_language(problem.message, language))
        )
    return "\n".join(lines)


def describe(key: Key, config: Config, guild_id: int, language: str) -> str:
    """Return one setting as people read it."""
    now, built_in = inline(value_of(config, guild_id, key.path)), inline(key.default)
    lines = [say("`{key}` is {value} (built in: {default})", key=key.dotted, value=now, default=built_in).to(language)]
    if key.description:
        description = say(key.description).to(language)
        lines.append(f"{description[0].upper()}{description[1:]}.")
    if key.operator:
        lines.append(say("Only the bot's operator can change it.").to(language))
    return "\n".join(lines)


def value_of(config: Config, guild_id: int, path: tuple[str, ...]) -> Any:
    """Return a setting's value in force on a server."""
    if path[0] == "plugins":
        found: Any = config.block(guild_id, path[1])
        path = path[2:]
    else:
        found = config.server(guild_id)
    for name in path:
        found = getattr(found, name, None)
    return found


def inline(value: Any) -> str:
    """Return a value as it stands in a config file."""
    text = yaml.safe_dump(as_written(value), default_flow_style=True, width=10_000, allow_unicode=True)
    return f"`{text.removesuffix('...' + chr(10)).strip()[:300]}`"


def choices(names: Iterable[str], typed: str) -> list[app_commands.Choice[str]]:
    """Return the names with what was typed in them, those that begin with it first."""
    wanted = typed.casefold()
    found = sorted((k for k in names if wanted in k.casefold()), key=lambda k: (not k.casefold().startswith(wanted), k))
    return [app_commands.Choice(name=k[:MAX_CHOICE_LENGTH], value=k[:MAX_CHOICE_LENGTH]) for k in found[:MAX_CHOICES]]


def _guild(interaction: Interaction) -> int:
    assert interaction.guild_id is not None
    return interaction.guild_id


async def _answer(interaction: Interaction, *texts: str) -> None:
    content = fit("\n".join(in_language(text, locale_of(interaction)) for text in texts))
    if interaction.response.is_done():
        await interaction.followup.send(content, ephemeral=True)
    else:
        await interaction.response.send_message(content, ephemeral=True)

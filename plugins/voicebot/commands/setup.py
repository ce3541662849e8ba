"""`/voicebot setup`: an admin chooses voicebot, channels and roles from menus; all is tried out before it is kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

from bot.api import (
    ConfigError,
    Host,
    ParleyError,
    Refused,
    ServerSettings,
    Text,
    check_configure,
    fit,
    in_language,
    is_operator_only,
    listed,
    missing_in_text,
    missing_in_voice,
    resolve_voicebot,
    safe_name,
    say,
    server_keys,
)

from ..diagnosis.checks import provider_finding
from ..diagnosis.doctor import Mark
from ..interactions import Interaction, guild_and_member, locale_of
from .cooldown import rate_limited
from .settings import refusal

#: Seconds that the menus work; Discord itself forgets them after fifteen minutes.
VIEW_TIMEOUT = 840.0
MAX_OPTIONS, MAX_OPTION_LENGTH = 25, 100  # Discord's limits of a menu
MAX_ROLES, MAX_CHANNELS = 10, 5
#: No threads: Discord archives those that nobody writes into, and no call could begin.
_TEXT = [discord.ChannelType.text, discord.ChannelType.news]

Changes = dict[tuple[str, ...], Any]


class SetupCommands(app_commands.Group):
    """Opens the menus of the set-up."""

    def __init__(self, host: Host, public_language: Callable[[int], str]) -> None:
        """`public_language` gives that of what everybody on a server reads, by the server's id."""
        super().__init__(name="menus", description="Mounted under its parent")
        self._host = host
        self._public_language = public_language

    @app_commands.command(name="setup", description="Choose voicebot, channels and roles for this server")
    @rate_limited
    async def setup(self, interaction: Interaction) -> None:
        """Open the menus, for those who may configure."""
        guild, member = guild_and_member(interaction)
        check_configure(member, self._host.config.server(guild.id).access)
        language = self._public_language(guild.id)
        view = SetupView(self._host, guild, interaction.user.id, locale_of(interaction), language)
        await interaction.response.send_message(view.text(), view=view, ephemeral=True)


class SetupView(discord.ui.View):
    """The menus of one admin, which show what is in force; there is none for what is the operator's.

    What is chosen is kept until it is saved; what is not touched stays as it is.
    """

    def __init__(self, host: Host, guild: discord.Guild, user_id: int, language: str, public_language: str) -> None:
        """`language` is the admin's, `public_language` that of what everybody reads."""
        super().__init__(timeout=VIEW_TIMEOUT)
        self._host = host
        self._guild = guild
        self._user_id = user_id
        self._language = language
        self._public_language = public_language
        self._changes: Changes = {}
        self._add_menus()
        save, other = discord.ButtonStyle.success, discord.ButtonStyle.secondary
        self._add(
            discord.ui.Button(custom_id="setup:save", label=self._(say("Check and save")), style=save), self._on_save
        )
        self._add(
            discord.ui.Button(custom_id="setup:id", label=self._(say("Another voicebot's id")), style=other),
            self._on_id,
        )
        self._add(
            discord.ui.Button(custom_id="setup:cancel", label=self._(say("Cancel")), style=other), self._on_cancel
        )

    def text(self, problems: Sequence[str] = ()) -> str:
        """Return what stands above the menus: what is chosen, and what is wrong with it."""
        lines = [say("Choose what you want to change; everything else stays as it is.").to(self._language)]
        lines += [f"• {self._(line)}" for line in self._chosen()]
        if problems:
            lines.append(say("Nothing is saved yet:").to(self._language))
            lines += [f"❌ {problem}" for problem in problems]
        return "\n".join(lines)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Let nobody else use the menus; the message is for one person alone."""
        return interaction.user.id == self._user_id

    async def on_error(self, interaction: Interaction, error: Exception, _: Any, /) -> None:
        """Tell what went wrong, as for a command that failed."""
        await interaction.client.explain_error(interaction, error)

    def _(self, text: Text) -> str:
        return text.to(self._language)

    def _add(self, item: Any, callback: Any) -> None:
        item.callback = callback
        self.add_item(item)

    def _add_menus(self) -> None:
        keys = server_keys(self._host.plugins.models, self._host.config.host.locked)
        settings = self._host.config.server(self._guild.id)
        if not is_operator_only(("voicebot",), keys):
            self._add_voicebots(settings)
        if not is_operator_only(("text_channel",), keys):
            text = () if settings.text_channel is None else (settings.text_channel,)
            self._add(
                discord.ui.ChannelSelect(
                    custom_id="setup:text",
                    channel_types=_TEXT,
                    placeholder=self._(say("Where the transcript and pictures go")),
                    default_values=self._known(text, discord.SelectDefaultValueType.channel),
                ),
                self._on_text,
            )
        fits = len(settings.access.start) <= MAX_ROLES  # else some would go
        if fits and not is_operator_only(("access", "start"), keys):
            self._add(
                discord.ui.RoleSelect(
                    custom_id="setup:roles",
                    min_values=0,
                    max_values=MAX_ROLES,
                    placeholder=self._(say("Roles that may start calls (none: everybody)")),
                    default_values=self._known(settings.access.start, discord.SelectDefaultValueType.role),
                ),
                self._on_roles,
            )
        autojoin = self._host.config.block(self._guild.id, "autojoin")
        if autojoin is not None and not is_operator_only(("plugins", "autojoin"), keys):
            channels = tuple(getattr(autojoin, "channels", ())) if autojoin.enabled else ()
            if len(channels) <= MAX_CHANNELS:
                self._add_autojoin(channels)

    def _add_autojoin(self, channels: Sequence[int]) -> None:
        self._add(
            discord.ui.ChannelSelect(
                custom_id="setup:autojoin",
                channel_types=[discord.ChannelType.voice],
                min_values=0,
                max_values=MAX_CHANNELS,
                placeholder=self._(say("Voice channels that I join automatically")),
                default_values=self._known(channels, discord.SelectDefaultValueType.channel),
            ),
            self._on_autojoin,
        )

    def _known(self, ids: Sequence[int], kind: discord.SelectDefaultValueType) -> list[discord.SelectDefaultValue]:
        """Those that are there still: Discord refuses a menu that shows another."""
        look = (
            self._guild.get_role if kind is discord.SelectDefaultValueType.role else self._guild.get_channel_or_thread
        )
        return [discord.SelectDefaultValue(id=number, type=kind) for number in ids if look(number) is not None]

    def _add_voicebots(self, settings: ServerSettings) -> None:
        names = [name for name in settings.voicebots if len(name) <= MAX_OPTION_LENGTH][:MAX_OPTIONS]
        if names:
            options = [
                discord.SelectOption(label=name, value=name, default=name == settings.voicebot) for name in names
            ]
            placeholder = self._(say("Which voicebot joins when none is named"))
            menu: discord.ui.Select[SetupView] = discord.ui.Select(
                custom_id="setup:voicebot", options=options, placeholder=placeholder
            )
            self._add(menu, self._on_voicebot)

    # -- choosing -----------------------------------------------------------------------------------------------

    async def _on_voicebot(self, interaction: Interaction) -> None:
        await self._choose(interaction, {("voicebot",): _values(interaction)[0]})

    async def _on_text(self, interaction: Interaction) -> None:
        await self._choose(interaction, {("text_channel",): int(_values(interaction)[0])})

    async def _on_roles(self, interaction: Interaction) -> None:
        roles = [int(value) for value in _values(interaction)]
        await self._choose(interaction, {("access", "start"): roles})  # none of its own may be the operator's, below

    async def _on_autojoin(self, interaction: Interaction) -> None:
        channels = [int(value) for value in _values(interaction)]
        block = ("plugins", "autojoin")
        chosen: Changes = {(*block, "enabled"): bool(channels), (*block, "channels"): channels}
        await self._choose(interaction, chosen)

    async def _on_id(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(_VoicebotId(self))

    async def choose_id(self, interaction: Interaction, identifier: str) -> None:
        """Take over what was written into the dialog."""
        await self._choose(interaction, {("voicebot",): identifier.strip()})

    async def _on_cancel(self, interaction: Interaction) -> None:
        self.stop()
        await interaction.response.edit_message(content=self._(say("Nothing was changed.")), view=None)

    async def _choose(self, interaction: Interaction, changes: Changes) -> None:
        self._changes |= changes
        await interaction.response.edit_message(content=self.text(), view=self)

    def _chosen(self) -> list[Text]:
        lines = []
        for path, value in self._changes.items():
            match path:
                case ("voicebot",):
                    lines.append(say("Voicebot: {name}", name=safe_name(value)))
                case ("text_channel",):
                    lines.append(say("The transcript and pictures go to {channel}", channel=f"<#{value}>"))
                case ("access", "start"):
                    who = say("everybody") if not value else ", ".join(f"<@&{role}>" for role in value)
                    lines.append(say("Calls are started by: {who}", who=who))
                case (*_, "channels"):
                    where = say("none") if not value else ", ".join(f"<#{channel}>" for channel in value)
                    lines.append(say("I join automatically: {channels}", channels=where))
        return lines

    # -- saving -------------------------------------------------------------------------------------------------

    async def _on_save(self, interaction: Interaction) -> None:
        _, member = guild_and_member(interaction)
        check_configure(member, self._host.config.server(self._guild.id).access)  # which may have been taken meanwhile
        await interaction.response.defer()
        problems = self._problems()
        if not problems:
            problems = await self._try_out(interaction)
        if not problems:
            try:
                await self._host.change_settings(self._guild.id, self._changes)
            except Refused as error:
                problems = [in_language(error.for_user, self._language)]
            except ConfigError as error:
                problems = [in_language(refusal(error, self._language).for_user, self._language)]
        if problems:
            await interaction.edit_original_response(content=fit(self.text(problems)), view=self)
            return
        self.stop()
        lines = [say("Saved, for the next call:"), *self._chosen()] if self._changes else [say("Nothing was changed.")]
        lines.append(say("`/voicebot test` lets you hear yourself, and costs nothing."))
        await interaction.edit_original_response(content="\n".join(self._(line) for line in lines), view=None)

    def _problems(self) -> list[str]:
        found: list[str] = []
        try:
            resolve_voicebot(self._settings(), None)
        except ParleyError as error:
            found.append(in_language(error.for_user, self._language))
        for channel_id in self._changes.get(("plugins", "autojoin", "channels")) or ():
            channel = self._guild.get_channel(channel_id)
            missing = ["View Channel"] if not isinstance(channel, discord.VoiceChannel) else missing_in_voice(channel)
            found += self._lacks(missing, f"<#{channel_id}>")
        text_id = self._text_channel()
        text = None if text_id is None else self._guild.get_channel_or_thread(text_id)
        if text_id is not None:
            found += self._lacks(["View Channel"] if text is None else missing_in_text(text), f"<#{text_id}>")
        return found

    def _settings(self) -> ServerSettings:
        """Return the server's settings with the voicebot that is chosen."""
        chosen = self._changes.get(("voicebot",))
        return self._host.config.server(self._guild.id).model_copy(
            update={} if chosen is None else {"voicebot": chosen}
        )

    def _lacks(self, missing: Sequence[str], channel: str) -> list[str]:
        if not missing:
            return []
        text = say("I need the permission {permissions} in {channel}.", permissions=listed(missing), channel=channel)
        return [self._(text)]

    async def _try_out(self, interaction: Interaction) -> list[str]:
        """Ask the provider for the voicebot, and write into the text channel, as every call will."""
        found = await provider_finding(self._host, self._guild.id, self._settings())
        if found.mark is Mark.BAD:
            return [in_language(found.text, self._language)]
        channel_id = (
            self._text_channel() or interaction.channel_id
        )  # where nothing is set, calls write where they began
        channel = None if channel_id is None else self._host.get_channel(channel_id)
        if channel is None:
            return []
        who = f"<@{interaction.user.id}>"
        text = say("{person} is setting me up: the transcript of calls and pictures will appear here.", person=who)
        try:
            await channel.send(text.to(self._public_language))
        except discord.HTTPException as error:
            return [
                self._(say("I could not write into {channel}: {reason}", channel=f"<#{channel_id}>", reason=error.text))
            ]
        return []

    def _text_channel(self) -> int | None:
        chosen: int | None = self._changes.get(("text_channel",))
        return chosen or self._host.config.server(self._guild.id).text_channel


class _VoicebotId(discord.ui.Modal):
    """One line for an id that has no name yet."""

    def __init__(self, view: SetupView) -> None:
        # Without a `custom_id` of ours: discord.py knows a modal by that alone, and two admins may have theirs open.
        super().__init__(title=view._(say("A voicebot's id"))[:45])
        self._view = view
        self._id: discord.ui.TextInput[_VoicebotId] = discord.ui.TextInput(
            custom_id="id", label=view._(say("Its id at the provider"))[:45], min_length=1, max_length=100
        )
        self.add_item(self._id)

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Take the id and show the menus again."""
        await self._view.choose_id(interaction, self._id.value)

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:  # type: ignore[override]
        """Explain what went wrong as for a command."""
        await interaction.client.explain_error(interaction, error)


def _values(interaction: Interaction) -> list[str]:
    data: Mapping[str, Any] = interaction.data or {}
    return [str(value) for value in data.get("values", ())]

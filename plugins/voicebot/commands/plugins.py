"""`/voicebot plugins`: what there is, what it does and keeps, and switching it on and off for a server."""

from discord import app_commands

from bot.api import Host, InstalledPlugin, Manifest, PluginError, Refused, check_configure, fit, mark, plain, say

from ..interactions import Interaction, guild_and_member, locale_of
from .cooldown import locally_limited
from .settings import choices, told_plainly


class PluginCommands(app_commands.Group):
    """The commands of the group `/voicebot plugins`."""

    def __init__(self, host: Host, own_name: str) -> None:
        super().__init__(name="plugins", description="What the bot can do on this server")
        self._host = host
        self._own_name = own_name

    @app_commands.command(name="list", description="All plugins, and whether they are on here")
    @locally_limited
    async def list_(self, interaction: Interaction) -> None:
        """List the plugins, for everybody who asks."""
        lines = []
        plugins = self._host.plugins
        for name, plugin in plugins.installed.items():
            lines.append(
                f"{self._state(interaction, name)} **{name}**: "
                + plain(say(plugin.manifest.description).to(locale_of(interaction)))
            )
        told = (say("🔴 **{name}**: the bot's log says what is wrong with it", name=name) for name in plugins.broken)
        lines += [text.to(locale_of(interaction)) for text in told]
        await _answer(interaction, "\n".join(lines))

    @app_commands.command(name="info", description="What a plugin does, needs and keeps")
    @locally_limited
    @app_commands.describe(name="which one")
    async def info(self, interaction: Interaction, name: str) -> None:
        """Tell everybody who asks about one plugin."""
        plugin = self._plugin(name)
        await _answer(interaction, f"{self._state(interaction, name)} {about(plugin.manifest, locale_of(interaction))}")

    @app_commands.command(name="enable", description="Switch a plugin on for this server")
    @locally_limited
    @app_commands.describe(name="which one")
    async def enable(self, interaction: Interaction, name: str) -> None:
        """Switch a plugin on from the next call on."""
        await self._switch(interaction, name, True)

    @app_commands.command(name="disable", description="Switch a plugin off for this server")
    @locally_limited
    @app_commands.describe(name="which one")
    async def disable(self, interaction: Interaction, name: str) -> None:
        """Switch a plugin off from the next call on."""
        if name == self._own_name:
            raise Refused(say("Without `{name}` there would be no command to enable it again.", name=name))
        await self._switch(interaction, name, False)

    @app_commands.command(name="reload", description="Use a plugin's code as it is on the host's disk now")
    @app_commands.describe(name="which one")
    async def reload(self, interaction: Interaction, name: str) -> None:
        """Reload a plugin's code for the bot's operator. Running calls keep what they began with."""
        await interaction.response.defer(ephemeral=True, thinking=True)  # who owns the bot is asked of Discord
        if not await self._host.is_owner(interaction.user):
            raise Refused(say("Only the bot's operator can do that."))
        try:
            await self._host.reload_plugin(name)
        except PluginError as error:
            raise Refused(plain(str(error))[:1500]) from error
        version = self._plugin(name).manifest.version
        text = say("**{name}** {version} is in place.", name=name, version=version)
        await interaction.followup.send(text.to(locale_of(interaction)), ephemeral=True)

    @info.autocomplete("name")
    @enable.autocomplete("name")
    @disable.autocomplete("name")
    @reload.autocomplete("name")
    async def _names(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return choices(self._host.plugins.installed, typed)

    async def _switch(self, interaction: Interaction, name: str, on: bool) -> None:
        guild, member = guild_and_member(interaction)
        check_configure(member, self._host.config.server(guild.id).access)
        plugin = self._plugin(name)
        if plugin.operator_only:
            raise Refused(say("Only the bot's operator can switch `{name}` on or off.", name=name))
        await interaction.response.defer(ephemeral=True, thinking=True)
        with told_plainly(interaction):
            await self._host.change_settings(guild.id, {("plugins", name, "enabled"): on})
        told = (
            mark("**{name}** is on from the next call on.") if on else mark("**{name}** is off from the next call on.")
        )
        await interaction.followup.send(say(told, name=name).to(locale_of(interaction)), ephemeral=True)

    def _plugin(self, name: str) -> InstalledPlugin:
        installed = self._host.plugins.installed
        plugin = installed.get(name)
        if plugin is None:
            there = ", ".join(f"`{known}`" for known in installed)
            raise Refused(say("There is no plugin `{name}`. There are: {known}.", name=plain(name)[:50], known=there))
        return plugin

    def _state(self, interaction: Interaction, name: str) -> str:
        plugins, guild_id = self._host.plugins, _guild(interaction)
        if plugins.paused(guild_id, name):
            return say("⏸️ paused after failures:").to(locale_of(interaction))
        if name in plugins.broken:
            return say("🔴 in part:").to(locale_of(interaction))
        return "🟢" if plugins.enabled(guild_id, name) else "⚪"


def about(manifest: Manifest, language: str) -> str:
    """Return what a plugin says about itself."""
    lines = [f"**{manifest.name}** {manifest.version}: " + plain(say(manifest.description).to(language))]
    if manifest.author:
        lines.append(say("By {author}", author=plain(manifest.author)).to(language))
    if manifest.permissions:
        needs = ", ".join(name.replace("_", " ") for name in manifest.permissions)
        lines.append(say("Needs: {permissions}", permissions=needs).to(language))
    lines.append(say("Keeps: {what}", what=plain(say(manifest.stores).to(language))).to(language))
    return "\n".join(lines)


def _guild(interaction: Interaction) -> int:
    return guild_and_member(interaction)[0].id


async def _answer(interaction: Interaction, text: str) -> None:
    await interaction.response.send_message(fit(text), ephemeral=True)

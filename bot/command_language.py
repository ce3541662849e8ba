"""Slash commands in people's own languages: Discord shows each person the names and descriptions of theirs.

Source: https://discord.com/developers/docs/interactions/application-commands#localization
"""

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.language import ENGLISH, Text, command_word, spoken

_NAMES = (Location.command_name, Location.group_name, Location.parameter_name)


class CommandTranslator(app_commands.Translator):
    """Set it on the command tree; discord.py asks it for every word in every language of Discord's."""

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """None keeps the English word."""
        language = spoken(locale)
        if language == ENGLISH:
            return None
        if context.location in _NAMES:
            return command_word(string.message, language)
        translated = Text(string.message, {}).to(language)
        return None if translated == string.message else translated

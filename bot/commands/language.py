"""Slash commands in people's own languages: Discord shows each person the names and descriptions of theirs.

Source: https://discord.com/developers/docs/interactions/application-commands#localization
"""

import logging

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.language import ENGLISH, Text, command_word, is_command_name, spoken

log = logging.getLogger(__name__)

#: Characters of everything that is no name (Discord docs, Application Command Structure).
MAX_DESCRIPTION = 100
_NAMES = (Location.command_name, Location.group_name, Location.parameter_name)


class CommandTranslator(app_commands.Translator):
    """Translates the names and descriptions of commands. Set it on the command tree; discord.py asks it for every word
    in every language of Discord's."""

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """Return a word in a language; None keeps the English one."""
        language = spoken(locale)
        if language == ENGLISH:
            return None
        if context.location in _NAMES:
            word = command_word(string.message, language)
            fits = word is None or is_command_name(word)
        else:
            translated = Text(string.message, {}).to(language)
            word = None if translated == string.message else translated
            fits = word is None or len(word) <= MAX_DESCRIPTION
        if not fits:  # Discord would refuse all commands for it, in every language
            log.error("%r cannot be the name of a command, so it stays %r in %s", word, string.message, language)
        return word if fits else None

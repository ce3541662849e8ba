"""Which voicebot is meant, by its name in the settings or by its id."""

from bot.config.model import ServerSettings
from bot.errors import Refused
from bot.language import say
from bot.text import name as safe_name


def resolve_voicebot(settings: ServerSettings, asked: str | None) -> str:
    """Return the provider's id for the voicebot that somebody named, or for the usual one; Refused when there is
    none."""
    wanted = asked or settings.voicebot
    if wanted is None:
        if len(settings.voicebots) == 1:
            return next(iter(settings.voicebots.values()))
        raise Refused(
            say("No voicebot is set for this server. Name one in the command, or choose one with `/voicebot setup`.")
        )
    by_name = {name.casefold(): identifier for name, identifier in settings.voicebots.items()}
    found = by_name.get(wanted.casefold())
    if found is not None:
        return found
    if asked is not None and asked != settings.voicebot and settings.voicebots:
        known = ", ".join(f"**{safe_name(name)}**" for name in settings.voicebots)
        raise Refused(
            say("There is no voicebot named {name} here. There are: {known}.", name=safe_name(asked), known=known)
        )
    return wanted

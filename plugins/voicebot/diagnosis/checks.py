"""Gathers what `/voicebot doctor` looks at, and runs `/voicebot test`."""

import asyncio
import logging
import time
from typing import Any

import discord

from bot.api import (
    Call,
    CallState,
    Host,
    KeyRejected,
    LedgerError,
    ParleyError,
    Refused,
    ServerSettings,
    SessionState,
    SpeakerReport,
    VoicebotNotFound,
    VoiceChannel,
    describe_missing,
    diagnosis,
    fit,
    missing_ids,
    missing_in_text,
    missing_in_voice,
    people_in,
    resolve_voicebot,
    say,
    say_n,
)

from ..interactions import Interaction, guild_and_member, locale_of, may_look, text_channel
from .doctor import Finding, Mark, Person, Place, RunningCall, echo_result, examine, report

log = logging.getLogger(__name__)

#: Seconds in which a call is recent.
RECENT_SECONDS = 30 * 86_400
#: Seconds for the provider to answer the doctor.
PROVIDER_TIMEOUT = 5.0


async def doctor(host: Host, interaction: Interaction) -> str:
    """Return all findings for the person who asked."""
    guild, member = guild_and_member(interaction)
    call = host.calls.of_guild(guild.id)
    channel = member.voice.channel if member.voice is not None else None
    running, people = None, []
    if call is not None and may_look(member, call.channel):
        channel = call.channel
        sound = await call.sound_report()
        running = RunningCall(call.state is CallState.LIVE, call.voicebot_there, sound)
        people = [_person(call, user_id, sound.speakers) for user_id in people_in(call.channel)]
    if call is not None:
        text = host.get_channel(call.text_channel_id)
    else:
        text = text_channel(interaction, host.config.server(guild.id))
    hidden = call is not None and running is None
    found = [
        *(Finding(Mark.BAD, describe_missing(one)) for one in missing_ids(guild, host.config)),
        *examine(
            _place(guild, channel, text),
            await provider_finding(host, guild.id, host.config.server(guild.id)),
            running,
            people,
            hidden=hidden,
        ),
        *await _credits(host, guild.id),
    ]
    return report(found, locale_of(interaction))


def _place(guild: discord.Guild, channel: VoiceChannel | None, text: Any) -> Place:
    own = guild.me.voice
    return Place(
        voice_channel=None if channel is None else channel.mention,
        text_channel=None if text is None else text.mention,
        missing_in_voice=() if channel is None else tuple(missing_in_voice(channel)),
        missing_in_text=() if text is None else tuple(missing_in_text(text)),
        bot_muted=own is not None and own.mute,
        bot_deafened=own is not None and own.deaf,
    )


async def provider_finding(host: Host, guild_id: int, settings: ServerSettings) -> Finding:
    """Whether a session could be opened with these settings, as far as that can be known without opening one.

    Asking for a voicebot's pictures costs nothing, takes the key and knows the voicebot.
    """
    try:
        voicebot = resolve_voicebot(settings, None)
        provider = host.calls.provider_of(guild_id, host.config)
        async with asyncio.timeout(PROVIDER_TIMEOUT):
            pictures = await provider.image_library(voicebot)
    except (KeyRejected, VoicebotNotFound, Refused) as error:
        return Finding(Mark.BAD, error.for_user)
    except (ParleyError, TimeoutError) as error:
        log.info("the provider could not be asked: %s", error)
        return Finding(
            Mark.WARNING, say("The voicebot and its provider's key are set, but the provider does not answer.")
        )
    return Finding(
        Mark.GOOD,
        say_n(
            "{provider} takes the key and knows the voicebot ({count} picture).",
            "{provider} takes the key and knows the voicebot ({count} pictures).",
            count=len(pictures),
            provider=provider.title,
        ),
    )


async def _credits(host: Host, guild_id: int) -> list[Finding]:
    """Report what the provider charged for the last call, if it said so; it does not say what is left."""
    now = time.time()
    try:
        records = await host.calls.history(now - RECENT_SECONDS, now, guild_id)
    except LedgerError as error:
        return [Finding(Mark.WARNING, error.for_user)]
    over = [record for record in records if record.state is SessionState.CLOSED]
    last = max(over, key=lambda record: record.intended_at, default=None)
    if last is None or last.credits is None:
        return []
    text = say("The last call cost {credits} credits.", credits=f"{last.credits.normalize():f}")
    return [Finding(Mark.GOOD, text)]


def _person(call: Call, user_id: int, speakers: tuple[SpeakerReport, ...]) -> Person:
    state = call.channel.voice_states[user_id]
    return Person(
        user_id,
        muted=state.self_mute,
        server_muted=state.mute or state.suppress,
        without_consent=not call.consent.allows(user_id),
        sound=next((speaker for speaker in speakers if speaker.user_id == user_id), None),
    )


async def test(host: Host, interaction: Interaction, channel: VoiceChannel) -> None:
    """Echo what people say, and tell who asked for it what was heard."""
    language = locale_of(interaction)
    test = await host.calls.start_test(channel, interaction.user.id, host.config)
    text = say(
        "I am in {channel}. Say something and pause: I play it back to you. It costs nothing, and ends in "
        "{seconds} seconds, or with `/voicebot leave`.",
        channel=channel.mention,
        seconds=round(test.longest),
    )
    await interaction.followup.send(text.to(language), ephemeral=True)
    await test.over.wait()
    problem = None if test.listeners is None else diagnosis(test.sound, test.listeners)
    result = echo_result(test.sound, problem, language)
    await interaction.followup.send(fit(result), ephemeral=True)

"""The sentences of the voicebot commands."""

from collections.abc import Callable, Sequence
from datetime import datetime

import discord

from bot.call.call import Call
from bot.call.events import Receipt
from bot.call.ledger import SessionRecord
from bot.call.limits import Budget
from bot.call.usage import Period, Total, totals
from bot.media.report import SoundReport, SpeakerReport
from bot.text import name as safe_name

END_COLOUR, WARNING_COLOUR = 0x747F8D, 0xFAA61A
MUTED = "I no longer hear you in this call: nothing you say is decrypted. `/voicebot unmute` undoes it."
UNMUTED = "I hear you again."
MOST_SPEAKERS = 8  # lines, so that they fit into a message beside the status
MOST_TOTALS = 15  # lines, so that they fit into an embed's field


def joined(voicebot: str, channel_id: int) -> str:
    return f"**{safe_name(voicebot)}** is in <#{channel_id}>. Just talk. `/voicebot leave` ends the call."


def started(voicebot: str, channel_id: int, starter_id: int) -> str:
    """Everybody in the channel must know that something listens."""
    return (
        f"🎙️ **{safe_name(voicebot)}** joined <#{channel_id}>, invited by <@{starter_id}>. "
        "It hears everyone in the channel, and what is said is written down here."
    )


def leaving(channel_id: int) -> str:
    return f"Leaving <#{channel_id}>. The receipt follows here in a moment."


def status(call: Call, sound: SoundReport, budgets: Sequence[Budget] = ()) -> str:
    minutes = call.billed_minutes
    lines = [
        f"**{safe_name(call.voicebot_name)}** in <#{call.voice_channel_id}>: {call.state.value}",
        f"Running for {duration(call.elapsed)}, about {minutes} billed minute{'s' * (minutes != 1)} so far",
        f"Started by <@{call.starter_id}>",
    ]
    if call.allowance is not None and call.elapsed:
        left = max(0.0, call.allowance.seconds - call.elapsed)
        lines.append(f"It may last another {duration(left)} ({call.allowance.whose})")
    for budget in budgets:
        if not budget.name.endswith("per call"):
            name = budget.name.replace("your ", "the starter's ", 1)
            lines.append(f"Left of {name}: {max(0, budget.left)} of {budget.limit} minutes")
    if sound.packets_undecryptable > sound.packets_received // 2 and sound.packets_received > 50:
        lines.append("⚠️ Most of what arrives cannot be decrypted. Leave and rejoin the voice channel.")
    if sound.privacy_code:
        lines.append(f"Voice privacy code: `{sound.privacy_code}`")
    return "\n".join(lines)


def still_billed(call: Call) -> str:
    minutes = call.billed_minutes
    return (
        f"The call in <#{call.voice_channel_id}> is over, but {call.provider.title} has not confirmed the end of its "
        f"session: about {minutes} billed minute{'s' * (minutes != 1)} so far. I keep trying until it does."
    )


def details(sound: SoundReport) -> str:
    """The numbers behind the sound, for whoever looks for a fault."""
    lines = [
        f"Held back: {_ms(sound.delay_to_room)} towards the voicebot, {_ms(sound.delay_to_discord)} towards Discord",
        f"Frames of 20 ms: {sound.frames_to_room} to the voicebot, {sound.frames_to_discord} here, "
        f"{sound.frames_dropped} dropped, {sound.frames_starved} concealed",
        f"Beat: {sound.ticks_late} late, {sound.ticks_skipped} skipped, "
        f"99 % within {sound.tick_lateness * 1000:.1f} ms",
        f"Interruptions: {sound.interruptions}, keys renewed: {sound.dave_recoveries}",
    ]
    heard = sorted(sound.speakers, key=lambda speaker: speaker.packets, reverse=True)
    if not heard:
        lines.append("Nobody was heard so far.")
    lines += [_speaker(speaker) for speaker in heard[:MOST_SPEAKERS]]
    if len(heard) > MOST_SPEAKERS:
        lines.append(f"and {len(heard) - MOST_SPEAKERS} more")
    return "\n".join(lines)


def _speaker(speaker: SpeakerReport) -> str:
    troubles = [
        f"{count} {what}"
        for count, what in (
            (speaker.lost, "lost"),
            (speaker.late, "late"),
            (speaker.concealed, "concealed"),
            (speaker.undecryptable, "not decryptable"),
        )
        if count
    ]
    return (
        f"<@{speaker.user_id}>{' (speaking)' if speaker.speaking else ''}: {speaker.packets} packets, "
        f"{', '.join(troubles) or 'none lost'}, {speaker.level:.0f} dB, "
        f"jitter {_ms(speaker.jitter)}, delay {_ms(speaker.delay)}, buffer {_ms(speaker.depth)}"
    )


def _ms(seconds: float) -> str:
    return f"{max(0.0, seconds) * 1000:.0f} ms"


def receipt(receipt: Receipt) -> discord.Embed:
    """What people read when a call is over."""
    voicebot = safe_name(receipt.voicebot_name)
    if receipt.reason is None:
        embed = discord.Embed(
            title=f"Call with {voicebot} was not started",
            description="The provider never said whether it opened a session, so one may be billed that I cannot end. "
            "The bot's operator can check the usage in the provider's dashboard.",
            colour=WARNING_COLOUR,
            timestamp=receipt.started_at,
        )
        embed.add_field(name="Asked for by", value=f"<@{receipt.starter_id}>")
        return embed.set_footer(text=session_marker(receipt))
    embed = discord.Embed(
        title=f"Call with {voicebot} ended",
        description=f"It ended because {receipt.reason.value}"
        + (f" (<@{receipt.ended_by}>)" if receipt.ended_by else "")
        + ".",
        colour=END_COLOUR,
        timestamp=receipt.started_at,
    )
    embed.add_field(name="Started by", value=f"<@{receipt.starter_id}>")
    embed.add_field(name="Duration", value=duration(receipt.duration))
    embed.add_field(name="Billed minutes", value=f"about {receipt.billed_minutes}")
    if receipt.credits is not None:
        embed.add_field(name="Credits", value=f"{receipt.credits.normalize():f}")
    return embed.set_footer(text=session_marker(receipt))


def usage(
    period: Period, records: Sequence[SessionRecord], shown: Sequence[SessionRecord], now: datetime, *, everyone: bool
) -> discord.Embed:
    """Totals of a server; `shown` is what the person who asks may see in detail."""
    embed = discord.Embed(title=f"Calls {period.value}", colour=END_COLOUR)
    server = totals(records, lambda _: "This server", now)
    if not server:
        embed.description = "There were none."
        return embed
    embed.description = _total(server[0])
    if everyone:
        embed.add_field(name="By who started them", value=_totals(shown, lambda r: f"<@{r.starter_id}>", now))
        name_of = {r.voicebot: safe_name(r.voicebot_name or r.voicebot) for r in shown}
        embed.add_field(name="By voicebot", value=_totals(shown, lambda r: name_of[r.voicebot], now))
    else:
        embed.add_field(name="Started by you", value=_totals(shown, lambda r: f"<@{r.starter_id}>", now) or "none")
    return embed.set_footer(text="Minutes are our own count; calls that are still running count up to now.")


def _totals(records: Sequence[SessionRecord], key: Callable[[SessionRecord], str], now: datetime) -> str:
    found = totals(records, key, now)
    lines = [_total(total) for total in found[:MOST_TOTALS]]
    if len(found) > MOST_TOTALS:
        lines.append(f"and {len(found) - MOST_TOTALS} more (`export` has all)")
    return "\n".join(lines)


def _total(total: Total) -> str:
    calls = f"{total.calls} call{'s' * (total.calls != 1)}"
    used = f", {total.credits.normalize():f} credits" if total.credits else ""
    return f"{total.key}: {calls}, about {total.minutes} min{used}"


def session_marker(receipt: Receipt) -> str:
    """What tells this session's receipt from any other; the operator finds the session by it, too."""
    return f"Session {receipt.session_id}" + ("" if receipt.reason is not None else " (outcome unknown)")


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"

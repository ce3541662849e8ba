"""The sentences of the voicebot commands."""

from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median

import discord

from bot.api import (
    Budget,
    Call,
    Period,
    Receipt,
    SessionRecord,
    SoundReport,
    SpeakerReport,
    Text,
    Total,
    Turn,
    in_language,
    mark,
    safe_name,
    say,
    say_n,
    totals,
)

END_COLOUR, WARNING_COLOUR = 0x747F8D, 0xFAA61A
MUTED = say("I no longer hear you in this call: nothing you say is decrypted. `/voicebot unmute` undoes it.")
LEAVING_TEST = say("The test ends. What it found follows.")
UNMUTED = say("I hear you from now on. `/voicebot mute` undoes it.")
MUTE_ME, HEAR_ME = say("Mute me for the bot"), say("Hear me")
MAX_SPEAKERS = 5  # lines; more would seldom fit into a message beside the status
MAX_TOTALS = 15  # lines
FIELD_LIMIT = 1024  # characters of an embed's field (Discord docs, Embed Limits)


def joined(voicebot: str, channel_id: int, *, ask_first: bool) -> Text:
    """Return what the person reads who has started a call."""
    return say(
        mark(
            "**{voicebot}** is in {channel} and hears you once you type `/voicebot unmute`. `/voicebot leave` ends it."
        )
        if ask_first
        else mark("**{voicebot}** is in {channel}. Just talk. `/voicebot leave` ends the call."),
        voicebot=safe_name(voicebot),
        channel=f"<#{channel_id}>",
    )


def started(voicebot: str, channel_id: int, starter_id: int, *, ask_first: bool) -> Text:
    """Return what tells everybody in the channel that the voicebot hears them, or how to be heard."""
    text = (
        mark(
            "🎙️ **{voicebot}** joined {channel}, invited by {person}. It hears only those who agree to it "
            "(`/voicebot unmute`), and what they say is written down here."
        )
        if ask_first
        else mark(
            "🎙️ **{voicebot}** joined {channel}, invited by {person}. "
            "It hears everyone in the channel, and what is said is written down here."
        )
    )
    return say(
        text,
        voicebot=safe_name(voicebot),
        channel=f"<#{channel_id}>",
        person=f"<@{starter_id}>",
    )


def moved(voicebot: str, channel_id: int, text_channel_id: int, *, ask_first: bool) -> Text:
    """Return what tells them so when a call has come from another channel."""
    text = (
        mark(
            "🎙️ **{voicebot}** is in {channel} now. It hears only those who agree to it (`/voicebot unmute`), and what "
            "they say is written down in {text_channel}."
        )
        if ask_first
        else mark(
            "🎙️ **{voicebot}** is in {channel} now. It hears everyone in the channel, and what is said is written down "
            "in {text_channel}."
        )
    )
    return say(text, voicebot=safe_name(voicebot), channel=f"<#{channel_id}>", text_channel=f"<#{text_channel_id}>")


def leaving(channel_id: int) -> Text:
    """Return what the person reads who has sent the bot away."""
    return say("Leaving {channel}. The receipt follows here in a moment.", channel=f"<#{channel_id}>")


#: What is left of a budget, as whoever asks reads it: a user's limit is the starter's.
_LEFT = {
    ("server", "day"): mark("Left of this server's time for today: {left} of {limit} minutes"),
    ("server", "month"): mark("Left of this server's time for this month: {left} of {limit} minutes"),
    ("user", "day"): mark("Left of the starter's time for today: {left} of {limit} minutes"),
    ("user", "month"): mark("Left of the starter's time for this month: {left} of {limit} minutes"),
}


def status(call: Call, sound: SoundReport, budgets: Sequence[Budget], language: str) -> str:
    """Say how a call is going."""
    lines = [
        say(
            "**{voicebot}** in {channel}: {state}",
            voicebot=safe_name(call.voicebot_name),
            channel=f"<#{call.voice_channel_id}>",
            state=say(call.state.value),
        ),
        _running(call),
        say("Started by {person}", person=f"<@{call.starter_id}>"),
    ]
    if call.allowance is not None and call.elapsed:
        left = duration(max(0.0, call.allowance.seconds - call.elapsed))
        lines.append(say("It may last another {duration} ({whose})", duration=left, whose=call.allowance.whose))
    lines += [
        say(_LEFT[budget.whose, budget.span], left=max(0, budget.left), limit=budget.limit)
        for budget in budgets
        if budget.span != "call"
    ]
    if mostly_undecryptable(sound):
        lines.append(say("⚠️ Most of what arrives cannot be decrypted. Leave and rejoin the voice channel."))
    if sound.privacy_code:
        lines.append(say("Voice privacy code: `{code}`", code=sound.privacy_code))
    return _lines(lines, language)


def _running(call: Call) -> Text:
    return say_n(
        "Running for {duration}, about {count} billed minute so far",
        "Running for {duration}, about {count} billed minutes so far",
        count=call.billed_minutes,
        duration=duration(call.elapsed),
    )


def mostly_undecryptable(sound: SoundReport) -> bool:
    """Whether so much sound cannot be decrypted that people should be told."""
    return sound.packets_undecryptable > sound.packets_received // 2 and sound.packets_received > 50


def still_billed(call: Call) -> Text:
    """Return what people read while the provider has not confirmed an end."""
    return say_n(
        "The call in {channel} is over, but {provider} has not confirmed the end of its session: "
        "about {count} billed minute so far. I keep trying until it does.",
        "The call in {channel} is over, but {provider} has not confirmed the end of its session: "
        "about {count} billed minutes so far. I keep trying until it does.",
        count=call.billed_minutes,
        channel=f"<#{call.voice_channel_id}>",
        provider=call.provider.title,
    )


def details(sound: SoundReport, turns: Sequence[Turn], language: str) -> str:
    """Return the numbers about the answers and the sound, for finding a fault."""
    lines = [
        *_answers(turns),
        say(
            "Delay: {to_room} ms to the voicebot, {to_discord} ms to Discord",
            to_room=_ms(sound.delay_to_room),
            to_discord=_ms(sound.delay_to_discord),
        ),
        say(
            "Frames of 20 ms: {to_room} to the voicebot, {to_discord} here, {dropped} dropped, {concealed} concealed",
            to_room=sound.frames_to_room,
            to_discord=sound.frames_to_discord,
            dropped=sound.frames_dropped,
            concealed=sound.frames_starved,
        ),
        say(
            "Packets: {received} received, {refused} refused, {early} before their speaker was known; "
            "{unsent} frames not sent for lack of keys",
            received=sound.packets_received,
            refused=sound.packets_refused,
            early=sound.packets_early,
            unsent=sound.frames_without_keys,
        ),
        say(
            "Ticks: {late} late, {skipped} skipped, 99 % within {lateness} ms",
            late=sound.ticks_late,
            skipped=sound.ticks_skipped,
            lateness=f"{sound.tick_lateness * 1000:.1f}",
        ),
        say(
            "Interruptions: {interruptions}, keys renewed: {renewed}",
            interruptions=sound.interruptions,
            renewed=sound.dave_recoveries,
        ),
    ]
    heard = sorted(sound.speakers, key=lambda speaker: speaker.packets, reverse=True)
    if not heard:
        lines.append(say("Nobody was heard so far."))
    lines += [speaker_line(speaker, language) for speaker in heard[:MAX_SPEAKERS]]
    if len(heard) > MAX_SPEAKERS:
        lines.append(say("and {count} more", count=len(heard) - MAX_SPEAKERS))
    return _lines(lines, language)


def _answers(turns: Sequence[Turn]) -> list[Text]:
    """Write how long the last answer took and who took that long, and whether the others were like it."""
    if not turns:
        return []
    last = turns[-1]
    values = {"total": _ms(last.total), "provider": _ms(last.provider), "ours": _ms(last.ours)}
    if last.line is None:
        lines = [
            say("Last answer: heard after {total} ms, {provider} ms at the voicebot and {ours} ms in Parley", **values)
        ]
    else:
        lines = [
            say(
                "Last answer: heard after {total} ms, {provider} ms at the voicebot (the line after {line} ms) and "
                "{ours} ms in Parley",
                line=_ms(last.line),
                **values,
            )
        ]
    if len(turns) > 1:
        lines.append(
            say(
                "Half of the last {count} answers: heard after {total} ms or less, {ours} ms of it in Parley",
                count=len(turns),
                total=_ms(median(turn.total for turn in turns)),
                ours=_ms(median(turn.ours for turn in turns)),
            )
        )
    return lines


def speaker_line(speaker: SpeakerReport, language: str) -> Text:
    """Write one person's numbers in a line."""
    troubles = [
        text.to(language)
        for count, text in (
            (speaker.lost, say("{number} lost", number=speaker.lost)),
            (speaker.late, say("{number} late", number=speaker.late)),
            (speaker.duplicate, say("{number} came twice", number=speaker.duplicate)),
            (speaker.dropped, say("{number} dropped", number=speaker.dropped)),
            (speaker.concealed, say("{number} concealed", number=speaker.concealed)),
            (speaker.undecodable, say("{number} not Opus", number=speaker.undecodable)),
            (speaker.undecryptable, say("{number} not decryptable", number=speaker.undecryptable)),
        )
        if count
    ]
    return say(
        "{person}: {packets} packets, {troubles}, {level} dB, jitter {jitter} ms, delay {delay} ms, buffer {buffer} ms",
        person=say("{person} (speaking)", person=f"<@{speaker.user_id}>")
        if speaker.speaking
        else f"<@{speaker.user_id}>",
        packets=speaker.packets,
        troubles=", ".join(troubles) or say("none lost"),
        level=f"{speaker.level:.0f}",
        jitter=_ms(speaker.jitter),
        delay=_ms(speaker.delay),
        buffer=_ms(speaker.depth),
    )


def _lines(lines: Sequence[str], language: str) -> str:
    return "\n".join(in_language(line, language) for line in lines)


def _ms(seconds: float) -> int:
    return round(max(0.0, seconds) * 1000)


def heard_here(voicebot_name: str, text_channel_id: int, *, ask_first: bool) -> Text:
    """Return what is said in the voice channel's own chat when a call begins."""
    template = (
        mark(
            "{voicebot} is in this voice channel and hears people who have agreed with `/voicebot unmute`; what "
            "they say is written down in {channel}."
        )
        if ask_first
        else mark(
            "{voicebot} is in this voice channel and hears what is said here; it is written down in {channel}. "
            "`/voicebot mute` keeps your voice from it."
        )
    )
    return say(template, voicebot=safe_name(voicebot_name), channel=f"<#{text_channel_id}>")


def newcomers(user_ids: Sequence[int], voicebot_name: str, text_channel_id: int, ask_first: bool) -> Text:
    """Return what people are told who join the channel later."""
    names = ", ".join(f"<@{user_id}>" for user_id in user_ids[:MAX_SPEAKERS])
    here = heard_here(voicebot_name, text_channel_id, ask_first=ask_first)
    return say("{people}: {here}", people=names, here=here)


def handed_over(before: int, now: int) -> Text:
    """Return what says who may end the call now."""
    return say("{left} has left, so {person} is the host of the call now.", left=f"<@{before}>", person=f"<@{now}>")


def billed(receipt: Receipt) -> Text:
    """Return our own count of a session's minutes, as people read it."""
    return say("about {minutes}", minutes=receipt.billed_minutes)


def receipt(receipt: Receipt, language: str) -> discord.Embed:
    """Return what people read when a call is over."""
    voicebot = safe_name(receipt.voicebot_name)
    if receipt.reason is None:
        embed = discord.Embed(
            title=say("Call with {voicebot} was not started", voicebot=voicebot).to(language),
            description=say(
                "The provider never said whether it opened a session, so one may be billed that I cannot end. "
                "The bot's operator can check the usage in the provider's dashboard."
            ).to(language),
            colour=WARNING_COLOUR,
            timestamp=receipt.started_at,
        )
        embed.add_field(name=say("Asked for by").to(language), value=f"<@{receipt.starter_id}>")
        return embed.set_footer(text=session_marker(receipt))
    embed = discord.Embed(
        title=say("Call with {voicebot} ended", voicebot=voicebot).to(language),
        description=_because(receipt).to(language),
        colour=END_COLOUR,
        timestamp=receipt.started_at,
    )
    fields = {
        say("Started by"): f"<@{receipt.starter_id}>",
        say("Duration"): duration(receipt.duration),
        say("Billed minutes"): billed(receipt),
    }
    if receipt.credits is not None:
        fields[say("Credits")] = f"{receipt.credits.normalize():f}"
    for name, value in fields.items():
        embed.add_field(name=name.to(language), value=in_language(value, language))
    return embed.set_footer(text=session_marker(receipt))


def _because(receipt: Receipt) -> Text:
    assert receipt.reason is not None
    reason = say(receipt.reason.value)
    if not receipt.ended_by:
        return say("It ended because {reason}.", reason=reason)
    return say("It ended because {reason} ({person}).", reason=reason, person=f"<@{receipt.ended_by}>")


_CALLS = {
    Period.TODAY: mark("Calls today"),
    Period.THIS_MONTH: mark("Calls this month"),
    Period.LAST_MONTH: mark("Calls last month"),
    Period.EVER: mark("Calls ever"),
}


def usage(
    period: Period,
    records: Sequence[SessionRecord],
    shown: Sequence[SessionRecord],
    now: datetime,
    language: str,
    *,
    everyone: bool,
) -> discord.Embed:
    """Return the totals of a server; `shown` is what the person who asks may see in detail."""
    embed = discord.Embed(title=say(_CALLS[period]).to(language), colour=END_COLOUR)
    server = totals(records, lambda _: say("This server").to(language), now)
    if not server:
        embed.description = say("There were none.").to(language)
        return embed
    embed.description = _total(server[0]).to(language)
    by_starter = _totals(shown, lambda r: f"<@{r.starter_id}>", now, language)
    if everyone:
        embed.add_field(name=say("By who started them").to(language), value=by_starter)
        name_of = {r.voicebot: safe_name(r.voicebot_name or r.voicebot) for r in shown}
        by_voicebot = _totals(shown, lambda r: name_of[r.voicebot], now, language)
        embed.add_field(name=say("By voicebot").to(language), value=by_voicebot)
    else:
        embed.add_field(name=say("Started by you").to(language), value=by_starter or say("none").to(language))
    footer = say("Minutes are our own count; calls that are still running count up to now.")
    return embed.set_footer(text=footer.to(language))


def _totals(records: Sequence[SessionRecord], key: Callable[[SessionRecord], str], now: datetime, language: str) -> str:
    found = totals(records, key, now)
    shown = [_total(total).to(language) for total in found[:MAX_TOTALS]]
    while True:
        left = len(found) - len(shown)
        more = [say("and {count} more (`export` has all)", count=left)] if left else []
        text = _lines([*shown, *more], language)
        if len(text) <= FIELD_LIMIT:
            return text
        shown.pop()


def _total(total: Total) -> Text:
    calls = say_n("{count} call", "{count} calls", count=total.calls)
    if not total.credits:
        return say("{who}: {calls}, about {minutes} min", who=total.key, calls=calls, minutes=total.minutes)
    return say(
        "{who}: {calls}, about {minutes} min, {credits} credits",
        who=total.key,
        calls=calls,
        minutes=total.minutes,
        credits=f"{total.credits.normalize():f}",
    )


def session_marker(receipt: Receipt) -> str:
    """Return what tells this session's receipt from any other; the operator finds the session by it, too."""
    return f"Session {receipt.call_id}" + ("" if receipt.reason is not None else " (outcome unknown)")


def panel_marker(session_id: str) -> str:
    """Return what tells one call's panel from any other's."""
    return f"Call {session_id}"


def duration(seconds: float) -> str:
    """Write seconds as `1:02:03` or `2:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"

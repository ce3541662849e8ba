"""Gathers what `/voicebot doctor` looks at, and runs `/voicebot test`."""

from bot.call.call import Call
from bot.call.hearing import diagnosis
from bot.call.manager import people_in
from bot.call.permissions import missing_in_text, missing_in_voice
from bot.call.state import CallState
from bot.call.voice_link import VoiceChannel
from bot.call.voicebots import resolve_voicebot
from bot.errors import ParleyError
from bot.language import say
from bot.media.report import SpeakerReport
from bot.plugin_host.plugin import Host
from bot.text import MESSAGE_LIMIT

from .asking import Interaction, text_channel, theirs, where
from .doctor import Person, Place, RunningCall, echo_result, examine, report


async def doctor(host: Host, interaction: Interaction) -> str:
    """The whole examination, for who asked."""
    guild, member = where(interaction)
    call = host.calls.of_guild(guild.id)
    channel = call.channel if call is not None else (member.voice.channel if member.voice is not None else None)
    running, people = None, []
    if call is not None:
        sound = await call.sound()
        running = RunningCall(call.state is CallState.LIVE, call.voicebot_there, sound)
        people = [_person(call, user_id, sound.speakers) for user_id in people_in(call.channel)]
    found = examine(_place(host, interaction, channel), _problem(host, guild.id), running, people)
    return report(found, theirs(interaction))


def _place(host: Host, interaction: Interaction, channel: VoiceChannel | None) -> Place:
    guild, _ = where(interaction)
    text = text_channel(interaction, host.config.server(guild.id))
    own = guild.me.voice
    return Place(
        voice_channel=None if channel is None else channel.mention,
        text_channel=None if text is None else text.mention,
        missing_in_voice=() if channel is None else tuple(missing_in_voice(channel)),
        missing_in_text=() if text is None else tuple(missing_in_text(text)),
        bot_muted=own is not None and own.mute,
        bot_deafened=own is not None and own.deaf,
    )


def _problem(host: Host, guild_id: int) -> str | None:
    """Why no session could be opened, as far as that can be known without opening one."""
    try:
        resolve_voicebot(host.config.server(guild_id), None)
        host.calls.provider_of(guild_id, host.config)
    except ParleyError as error:
        return error.for_user
    return None


def _person(call: Call, user_id: int, speakers: tuple[SpeakerReport, ...]) -> Person:
    state = call.channel.voice_states[user_id]
    return Person(
        user_id,
        muted=state.self_mute,
        server_muted=state.mute or state.suppress,
        unwilling=user_id in call.unwilling,
        sound=next((speaker for speaker in speakers if speaker.user_id == user_id), None),
    )


async def test(host: Host, interaction: Interaction, channel: VoiceChannel) -> None:
    """Echo what people say, and tell who asked for it what was heard."""
    language = theirs(interaction)
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
    await interaction.followup.send(result[:MESSAGE_LIMIT], ephemeral=True)

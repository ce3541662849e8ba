"""One short call on the real services: join, listen, ask, probe the provider, end the session twice, and leave.

Whoever runs it closes the bots afterwards, whatever happened: closing Parley ends the call's session.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.access.voice_channel import VoiceChannel, people_in
from bot.access.voicebots import resolve_voicebot
from bot.app import Parley
from bot.billing.end_reason import EndReason
from bot.call.call import Call
from bot.call.request import CallRequest
from bot.call.state import CallState
from bot.config.load import Config
from bot.errors import ParleyError, Refused
from bot.provider import Probing
from bot.recorder.events import Probe
from bot.recorder.exchanges import observer
from bot.text import redact

from . import speech
from .live_recorder import LiveRecorder, LiveRecords
from .measured import AnswerCarried, QuestionCarried, QuestionUnderstood, VoicebotSeen
from .packet_times import transit
from .second_bot import SecondBot

log = logging.getLogger(__name__)

#: As the provider is told who asks for the session.
PARTICIPANT = "Parley live check"
#: Seconds of a session after which it is ended whatever is still missing, so that one minute is billed.
BILLED_SECONDS = 50.0
#: Seconds for the voicebot to begin to greet, and for its answer to the question to begin.
GREETING_TIMEOUT, ANSWER_TIMEOUT = 4.0, 12.0
#: Seconds without a word that end what the voicebot says.
PAUSE = 1.5
#: Seconds without a second bot in which people in the channel can speak.
LISTENING_TIME = 15.0
#: Seconds for the session's end to be confirmed.
END_TIMEOUT = 45.0
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Where:
    """The server and the voice channel of a live check, by their ids."""

    guild_id: int
    channel_id: int


class LiveCheck:
    """Makes the call. `tell` is given each step as people read it; `second` may be None."""

    def __init__(
        self,
        bot: Parley,
        config: Config,
        records: LiveRecords,
        where: Where,
        second: SecondBot | None,
        tell: Callable[[str], None],
    ) -> None:
        """`config` is what the operator has set; the bot's own may refuse the calls of everybody else."""
        self._bot = bot
        self._config = config
        self._records = records
        self._where = where
        self._second = second
        self._tell = tell

    async def run(self) -> None:
        """Make the call; ParleyError when it cannot begin. Both bots are logged in and ready."""
        channel = self._channel()
        config = for_check(self._config, self._where.guild_id)
        settings = self._records.settings = config.server(self._where.guild_id)
        voicebot = resolve_voicebot(settings, None)
        if self._second is not None:
            await self._second.join(self._where.guild_id, self._where.channel_id, settings)
            self._tell("the second bot is in the channel")
        people = len(people_in(channel))
        self._tell(f"joining {redact(channel.name)}, with {people} {'person' if people == 1 else 'people'} in it ...")
        assert self._bot.user is not None
        text_channel = settings.text_channel or channel.id
        request = CallRequest(channel, text_channel, self._bot.user.id, voicebot, PARTICIPANT)
        call = await self._bot.calls.start(request, config)
        recorder = self._records.recorder
        assert recorder is not None, "a call began without its record"
        self._tell("joined; the session is open, and billed from now on")
        limit = asyncio.timeout(max(0.0, BILLED_SECONDS - call.elapsed))
        try:
            async with limit:
                await self._talk(call, recorder, settings.lead_in_ms)
                await self._probe(call, recorder, voicebot)
        except TimeoutError:
            late = "the minute is nearly over, so what is missing is left out"
            self._tell(late if limit.expired() else "the sound's own loop does not answer, so the rest is left out")
        finally:
            call.end(EndReason.OPERATOR)
        await self._end(call)
        await self._end_again(call, recorder)

    def _channel(self) -> VoiceChannel:
        """Return the channel; Refused, with what there is, when the bot does not see it."""
        guild = self._bot.get_guild(self._where.guild_id)
        if guild is None:
            known = ", ".join(f"{guild.id} ({redact(guild.name)})" for guild in self._bot.guilds[:20]) or "no server"
            raise Refused(f"The bot is not on server {self._where.guild_id}. It is on {known}.")
        channel = guild.get_channel(self._where.channel_id)
        if not isinstance(channel, VoiceChannel):
            there = [one for one in guild.channels if isinstance(one, VoiceChannel)]
            known = ", ".join(f"{one.id} ({redact(one.name)})" for one in there[:20]) or "none"
            raise Refused(f"{self._where.channel_id} is no voice channel that the bot sees. There are {known}.")
        return channel

    # -- the call -------------------------------------------------------------------------------------------------

    async def _talk(self, call: Call, recorder: LiveRecorder, lead_in_ms: int) -> None:
        began = time.monotonic()
        if not await _happens(lambda: call.voicebot_there, call.settings.voicebot_arrival, call):
            recorder.happened(VoicebotSeen(came=False, asked=False, answered=False))
            self._tell("the voicebot did not come")
            return
        self._tell("the voicebot is in its room")
        await _happens(lambda: recorder.answers > 0, GREETING_TIMEOUT, call)
        await _happens(lambda: _is_quiet(recorder), ANSWER_TIMEOUT, call)
        if self._second is None:
            recorder.happened(VoicebotSeen(came=True, asked=False, answered=False))
            self._tell(f"people in the channel can speak to it now, for {LISTENING_TIME:.0f} seconds")
            await _happens(lambda: False, LISTENING_TIME, call)
            return
        await self._ask(call, recorder, self._second)
        answer = transit(recorder.packets, self._second.packets, began)
        recorder.happened(AnswerCarried(answer, await self._second.frames_heard(), lead_in_ms))

    async def _ask(self, call: Call, recorder: LiveRecorder, second: SecondBot) -> None:
        recorder.lines.clear()
        answers, asked_at = recorder.answers, time.monotonic()
        seconds = await second.ask()
        self._tell(f"the second bot asks: “{speech.QUESTION}”")
        await _happens(lambda: time.monotonic() > asked_at + seconds, 2 * seconds, call)
        await _happens(lambda: recorder.answers > answers, ANSWER_TIMEOUT, call)
        await _happens(lambda: _is_quiet(recorder), ANSWER_TIMEOUT, call)
        question = transit(second.packets, recorder.packets, asked_at)
        report = await call.sound_report()
        recorder.happened(QuestionCarried(question, report.packets_undecryptable + report.packets_unowned))
        said = " ".join(recorder.lines)
        found = speech.understood(said), len(speech.WORDS), speech.begins_with_first_word(said)
        recorder.happened(QuestionUnderstood(len(recorder.lines), *found))
        answered = recorder.answers > answers
        recorder.happened(VoicebotSeen(came=True, asked=True, answered=answered))
        self._tell(f"{found[0]} of {found[1]} words were understood")
        self._tell("the voicebot answered" if answered else "the voicebot did not answer")

    async def _probe(self, call: Call, recorder: LiveRecorder, voicebot: str) -> None:
        if not isinstance(call.provider, Probing) or call.session is None or call.state is not CallState.LIVE:
            return
        self._tell(f"asking {call.provider.title} what its documentation leaves open")
        observer.set(recorder.note)
        await call.provider.probe(call.session, voicebot, lambda what: recorder.note(Probe(what)))

    async def _end(self, call: Call) -> None:
        """Wait until the call is over and its end is confirmed."""
        for _ in range(round(END_TIMEOUT / POLL)):
            if call.state is CallState.ENDED:
                break
            await asyncio.sleep(POLL)
        if call.closing is None:
            return
        done, _ = await asyncio.wait({call.closing}, timeout=END_TIMEOUT)
        if done:
            minutes = call.closing.result().billed_minutes
            self._tell(f"the session is ended; billed: {minutes} minute{'s' * (minutes != 1)}")
        else:
            self._tell("the session's end is not confirmed yet; `parley sessions list` shows what becomes of it")

    async def _end_again(self, call: Call, recorder: LiveRecorder) -> None:
        """End the session a second time, to see what the provider says of one that is over."""
        if call.session is None or call.closing is None or not call.closing.done():
            return
        observer.set(recorder.note)
        recorder.note(Probe("ended"))
        try:
            await call.provider.end_session(call.session.reference)
        except ParleyError as error:
            log.info("the second end: %s", error)


def for_check(config: Config, guild_id: int) -> Config:
    """Return a server's settings as the live check needs them: it may be alone in the channel, its second bot is heard,
    and nobody else becomes the call's host. Whom the server asks first is asked here, too."""
    settings = config.server(guild_id).model_copy(
        update={
            "hear_bots": True,
            "hand_over": False,
            "empty_channel_grace": 2 * BILLED_SECONDS,
            "first_audio_limit": 0.0,
            "silence_limit": 0.0,
        }
    )
    blocks = dict(config.blocks)
    if guild_id not in config.named:  # it has those of all servers that are not
        blocks |= {(guild_id, name): block for (guild, name), block in config.blocks.items() if guild is None}
    return replace(config, named={**config.named, guild_id: settings}, blocks=blocks)


def closed_to_others(config: Config) -> Config:
    """Return a config with which nobody can start a call: a live check has the bot to itself."""
    return replace(config, host=config.host.model_copy(update={"servers_allowed": ()}))


def _is_quiet(recorder: LiveRecorder) -> bool:
    return not recorder.voicebot_speaking and time.monotonic() - recorder.voicebot_changed_at > PAUSE


async def _happens(condition: Callable[[], bool], within: float, call: Call) -> bool:
    """Wait for a condition for so many seconds, as long as the call goes on; whether it is met."""
    for _ in range(round(within / POLL)):
        if condition() or call.state is not CallState.LIVE:
            break
        await asyncio.sleep(POLL)
    return condition()

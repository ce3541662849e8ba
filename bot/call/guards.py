"""Guards against forgotten and broken calls: what must not go on for too long, and what people are told before.

Pure: times come in as arguments, in seconds of a clock that runs on while the machine is suspended.
"""

from dataclasses import dataclass

from bot.billing.end_reason import EndReason
from bot.config.model import ServerSettings
from bot.language import Text, mark, say, say_n

from .deadlines import Deadlines
from .state import Side

#: Seconds before the end at which people are warned of silence, and of an allowance that runs out.
WARN_BEFORE = 60.0
#: Seconds: two warnings that are closer say the same.
MIN_WARNING_INTERVAL = 15.0
#: Seconds of an allowance that are given up, so that the provider has the DELETE before the next minute begins.
END_EARLY = 3.0
#: Seconds that two clocks may drift apart before it means that the machine was suspended.
MAX_CLOCK_DRIFT = 5.0


@dataclass(frozen=True, slots=True)
class Warn:
    """A guard's verdict: people are to be warned with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A guard's verdict: people are to be told that what was wrong works again."""

    text: str


@dataclass(frozen=True, slots=True)
class Gone:
    """Something has been away for long enough to be noticed."""

    what: str


@dataclass(frozen=True, slots=True)
class CheckHearing:
    """A guard's verdict: check whether anybody was heard. If not, `last` means that the call ends unless the voicebot
    has spoken, and `final` that it ends in any case."""

    last: bool
    final: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """A guard's verdict: the call is to end."""

    reason: EndReason


Verdict = Warn | Recovered | CheckHearing | End

#: What people are told when a connection is lost for longer than `NOTICEABLE_SECONDS`, and when it is back. Discord's
#: main gateway is not among them, since sound continues without it.
_AWAY = {
    "voice": (
        say("The connection to this voice channel broke. I am reconnecting."),
        say("I am connected to the voice channel again."),
    ),
    "room": (say("The connection to the voicebot broke. I am reconnecting."), say("The voicebot is connected again.")),
    "voicebot": (say("The voicebot has left. I wait a moment for it to come back."), say("The voicebot is back.")),
}
#: Multiple of `first_audio_limit` within which somebody must be heard if the voicebot has spoken: a greeting alone is
#: not a conversation.
GREETING_FACTOR = 3
#: Multiple of `silence_limit` within which a person must speak, even if the voicebot keeps talking.
MONOLOGUE_FACTOR = 3
#: Seconds until a gap is told of: shorter ones are over before anyone has read it.
NOTICEABLE_SECONDS = 3.0


class Guards:
    """Keeps the deadlines of a call: it is told what happens, and returns verdicts when something does not."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._deadlines: Deadlines[Verdict | Gone] = Deadlines()
        self._told: set[str] = set()  # what people know to be away
        self._good_news: list[Verdict] = []
        self._speaking: set[int | None] = set()  # user ids; None is the voicebot
        self._live = self._heard = False
        self._seen: tuple[float, float] | None = None

    def on_live(self, now: float) -> None:
        """Begin to count: both connections are up for the first time."""
        settings = self._settings
        self._live = True
        self._listen(now)
        self._deadlines.start_once("voicebot", now, (settings.voicebot_arrival, End(EndReason.VOICEBOT_MISSING)))
        self._quiet(now)
        self._start_monologue_deadline(now)

    def _listen(self, now: float) -> None:
        """Nobody was heard so far."""
        limit = self._settings.first_audio_limit
        if limit:
            last, final = (limit, CheckHearing(True)), (GREETING_FACTOR * limit, CheckHearing(True, final=True))
            self._deadlines.start("hearing", now, (limit / 2, CheckHearing(False)), last, final)

    def set_allowance(self, now: float, seconds: float, whose: str, reason: EndReason, spent: float = 0.0) -> None:
        """Limit how long the call may last; `whose` limit it is, as people read it, and `spent` what was used of it
        before.

        When four fifths were used up before the call, that is said at once.
        """
        last = max(1.0, seconds - END_EARLY)
        steps: list[tuple[float, Verdict]] = [(last, End(reason))]
        at = max(0.0, 0.8 * (spent + seconds) - spent)
        one_minute = last - WARN_BEFORE
        if at < last - 1 and abs(at - one_minute) > MIN_WARNING_INTERVAL:
            text = (
                mark("80 % of {whose} is used up; the call ends in about {duration}.")
                if at
                else mark("More than 80 % of {whose} is used up; the call ends in about {duration}.")
            )
            steps.append((at, Warn(say(text, whose=whose, duration=_duration(seconds - at)))))
        if one_minute > 0:
            steps.append((one_minute, Warn(say("The call ends in one minute: {whose} is used up then.", whose=whose))))
        self._deadlines.start("allowance", now, *steps)

    def on_speaking(self, now: float, who: int | None, speaks: bool) -> None:
        """Note that a user, or the voicebot (None), has started or stopped speaking."""
        if speaks:
            self._speaking.add(who)
            self._deadlines.stop("silence")
            if who is not None:
                self._deadlines.stop("hearing")
                self._deadlines.stop("monologue")
                self._heard = True
        else:
            self._speaking.discard(who)
            self._quiet(now)
            if who is not None and not self._speaking - {None}:
                self._start_monologue_deadline(now)

    def on_occupancy(self, now: float, people: int) -> None:
        """Take in how many people are in the channel; a return within the grace keeps the call."""
        if people:
            self._deadlines.stop("empty")
        else:
            self._deadlines.start_once("empty", now, (self._settings.empty_channel_grace, End(EndReason.EMPTY)))

    def on_voicebot_arrived(self) -> None:
        """Note that the voicebot is in the room."""
        self._back("voicebot")

    def on_voicebot_gone(self, now: float) -> None:
        """Note that the voicebot has left the room."""
        self._speaking.discard(None)
        limit = self._settings.voicebot_return
        if self._deadlines.runs("room"):  # it is we who are away; that has a limit of its own
            limit += self._settings.reconnect_limit
        end = (limit, End(EndReason.VOICEBOT_GONE))
        self._deadlines.start("voicebot", now, (NOTICEABLE_SECONDS, Gone("voicebot")), end)

    def on_lost(self, now: float, side: Side) -> None:
        """Note that "voice", "room" or "gateway" was lost and is being repaired."""
        if side == "voice":  # nobody can be heard meanwhile, and that is not their fault
            self._deadlines.stop("hearing")
        limit = self._settings.gateway_limit if side == "gateway" else self._settings.reconnect_limit
        reasons = {"voice": EndReason.VOICE_LOST, "room": EndReason.ROOM_LOST, "gateway": EndReason.GATEWAY_LOST}
        self._deadlines.start_once(side, now, (NOTICEABLE_SECONDS, Gone(side)), (limit, End(reasons[side])))

    def on_recovered(self, now: float, side: Side) -> None:
        """Note that a connection is up again."""
        if side == "voice" and self._live and not self._heard:
            self._listen(now)
        self._back(side)

    def on_disconnected(self, now: float, grace: float) -> None:
        """Note that Discord says the bot is out of the channel; a better reason may follow within the grace."""
        self._deadlines.start_once("disconnected", now, (grace, End(EndReason.DISCONNECTED)))

    def check(self, now: float, awake: float) -> list[Verdict]:
        """Return what is to be done now. `awake` is a clock that stands still while the machine is suspended."""
        verdicts, self._good_news = self._good_news, []
        verdicts += [told for due in self._deadlines.due(now) if (told := self._verdict_on(due)) is not None]
        if self._seen is not None:
            asleep = (now - self._seen[0]) - (awake - self._seen[1])
            if asleep > max(MAX_CLOCK_DRIFT, self._settings.reconnect_limit):
                verdicts.append(End(EndReason.SUSPENDED))
        self._seen = now, awake
        return verdicts

    def next_due(self) -> float | None:
        """Return when something falls due, unless something happens before."""
        return self._deadlines.next()

    def _verdict_on(self, due: Verdict | Gone) -> Verdict | None:
        if not isinstance(due, Gone):
            return due
        if due.what not in _AWAY or (due.what == "voicebot" and "room" in self._told):
            return None
        self._told.add(due.what)
        return Warn(_AWAY[due.what][0])

    def _back(self, what: str) -> None:
        self._deadlines.stop(what)
        if what in self._told:
            self._told.discard(what)
            self._good_news.append(Recovered(_AWAY[what][1]))

    def _start_monologue_deadline(self, now: float) -> None:
        """Nobody but the voicebot says anything."""
        limit = MONOLOGUE_FACTOR * self._settings.silence_limit
        if limit:
            text = say(
                "Nobody in the channel has said anything for {duration}. The call ends in one minute, unless somebody "
                "does.",
                duration=_duration(limit - WARN_BEFORE),
            )
            self._end_of_silence("monologue", now, limit, text)

    def _quiet(self, now: float) -> None:
        limit = self._settings.silence_limit
        if not limit or self._speaking:
            return
        text = say(
            "Nobody has spoken for {duration}. The call ends in one minute, unless somebody does.",
            duration=_duration(limit - WARN_BEFORE),
        )
        self._end_of_silence("silence", now, limit, text)

    def _end_of_silence(self, what: str, now: float, limit: float, warning: Text) -> None:
        """End the call after `limit` seconds; people are warned before where there is time for it."""
        steps: list[tuple[float, Verdict]] = [(limit, End(EndReason.SILENCE))]
        if limit > WARN_BEFORE:
            steps.append((limit - WARN_BEFORE, Warn(warning)))
        self._deadlines.start(what, now, *steps)


def _duration(seconds: float) -> Text:
    """As people say it: "45 seconds", "12 minutes"."""
    if seconds < 100:
        return say_n("{count} second", "{count} seconds", count=max(1, round(seconds)))
    return say_n("{count} minute", "{count} minutes", count=round(seconds / 60))

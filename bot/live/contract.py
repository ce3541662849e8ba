"""What the live check assumes of a call's sound, judged by what a second bot has measured."""

from typing import Any

from bot.recorder.contract import NOT_SEEN, Assumption, Verdict, differs, held
from bot.recorder.reading import Entry, FlightRecord

from .packet_times import FIRST

#: The share of packets that must arrive, of those with sound among them, and of the words that must be understood.
MOST, MOST_SOUND, MOST_WORDS = 0.97, 0.6, 0.7
#: The longest `lead_in_ms:` that can be set.
MAX_LEAD_IN = 200
#: Seconds on the way from one bot to the other, for 95 in 100 packets.
MAX_TRANSIT = 0.25
#: Seconds that Parley may add to an answer.
MAX_OURS = 0.25


def _measured(record: FlightRecord, name: str) -> Entry | None:
    return next((entry for entry in record.of("event") if entry.get("event") == name), None)


def _transit(entry: Entry) -> tuple[dict[str, Any], str]:
    found = dict(entry["transit"])
    seen = f"{found['arrived']} of {found['packets']} packets, usually in {found['usual'] * 1000:.0f} ms"
    return found, f"{seen}, 95 in 100 within {found['slow'] * 1000:.0f} ms"


def _voicebot_comes(record: FlightRecord) -> Verdict:
    entry = _measured(record, "VoicebotSeen")
    if entry is None:
        return NOT_SEEN
    if not entry["came"]:
        return differs("it did not come", "every call ends after `voicebot_arrival:`; is the voicebot switched on?")
    return held("it came")


def _voicebot_answers(record: FlightRecord) -> Verdict:
    entry = _measured(record, "VoicebotSeen")
    if entry is None or not entry["asked"]:
        return NOT_SEEN
    if not entry["answered"]:
        return differs("it said nothing after the question", "people speak to it in vain")
    return held("it did")


def _question(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionCarried")
    if entry is None:
        return NOT_SEEN
    found, seen = _transit(entry)
    if not found["arrived"]:
        return differs(seen, "people are not heard, or Discord changes the packets' timestamps")
    if entry["sealed"]:
        return differs(f"{seen}; {entry['sealed']} could not be decrypted", "parts of what people say are missing")
    if found["arrived"] < MOST * found["packets"]:
        return differs(seen, "people are heard with gaps; `parley record show` says what came")
    if found["slow"] > MAX_TRANSIT:
        return differs(seen, "answers come late; another region of the voice channel may be nearer")
    return held(seen)


def _first_syllables(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionCarried")
    if entry is None or not entry["transit"]["arrived"]:
        return NOT_SEEN
    seen = _begin(entry)
    return held(seen) if _is_whole(entry) else differs(seen, "what people say first is cut off for the voicebot")


def _begin(entry: Entry) -> str:
    missing = int(entry["transit"]["missing"])
    return f"{entry['transit']['first']} of the first {FIRST} packets" + (
        f", without the first {missing}" if missing else ""
    )


def _is_whole(entry: Entry) -> bool:
    """Whether nothing is missing at the begin; a packet that is lost somewhere in it is another matter."""
    return not entry["transit"]["missing"] and int(entry["transit"]["first"]) >= FIRST - 2


def _words(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionUnderstood")
    if entry is None:
        return NOT_SEEN
    if not entry["lines"]:
        return differs("no line of what was asked came", "the voicebot did not hear it, or sends its lines differently")
    seen = f"{entry['words']} of {entry['most']} words, {'with' if entry['first'] else 'without'} the first one"
    if entry["words"] < MOST_WORDS * entry["most"] or not entry["first"]:
        return differs(seen, "speech arrives damaged, or the voicebot listens for another language than English")
    return held(seen)


def _answer(record: FlightRecord) -> Verdict:
    entry = _measured(record, "AnswerCarried")
    if entry is None or not entry["transit"]["packets"]:
        return NOT_SEEN
    found, seen = _transit(entry)
    if entry["frames"] < MOST_SOUND * found["arrived"]:
        return differs(f"{seen}; only {entry['frames']} with sound", "people hear little of it, or nothing")
    if found["arrived"] < MOST * found["packets"]:
        return differs(seen, "the voicebot is heard with gaps")
    return held(seen)


def _answer_begin(record: FlightRecord) -> Verdict:
    entry = _measured(record, "AnswerCarried")
    if entry is None or not entry["transit"]["arrived"]:
        return NOT_SEEN
    seen = _begin(entry)
    if _is_whole(entry):
        return held(seen)
    longer = min(MAX_LEAD_IN, int(entry["lead_in_ms"]) + 20 * int(entry["transit"]["missing"]))
    setting = f"defaults: {{lead_in_ms: {longer}}}" if longer > int(entry["lead_in_ms"]) else None
    return differs(seen, "the voicebot's first syllable is cut off for people", setting)


def _in_parley(turn: Entry) -> float:
    """Return how many seconds of an answer's time were spent in Parley, as `bot.call.turns.Turn.ours` has it."""
    return float(turn["carried_in"]) + float(turn["heard"]) - float(turn["voice"])


def _ours(record: FlightRecord) -> Verdict:
    turns = [entry for entry in record.of("event") if entry.get("event") == "Turn"]
    if not turns:
        return NOT_SEEN
    slowest = max(turns, key=_in_parley)
    ours = _in_parley(slowest)
    seen = f"{slowest['heard']:.1f} s to the answer, {ours * 1000:.0f} ms of it in Parley"
    return held(seen) if ours <= MAX_OURS else differs(seen, "answers come late; is this machine busy?")


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("The voicebot comes", _voicebot_comes),
    Assumption("What somebody says reaches Parley", _question),
    Assumption("No first syllable of people is lost", _first_syllables),
    Assumption("The voicebot understands what is said", _words),
    Assumption("The voicebot answers", _voicebot_answers),
    Assumption("What the voicebot says reaches people", _answer),
    Assumption("No first syllable of the voicebot is lost", _answer_begin),
    Assumption("Parley adds little to the time of an answer", _ours),
)

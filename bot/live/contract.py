"""What the live check assumes of a call's sound, judged by what a second bot has measured."""

from typing import Any

from bot.recorder.contract import NOT_SEEN, Assumption, Verdict, differs, held
from bot.recorder.reading import Entry, FlightRecord

from .packet_times import FIRST

#: The share of packets and of sound that must arrive, and of the words that must be understood.
MOST, MOST_WORDS = 0.97, 0.7
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


def _question(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionCarried")
    if entry is None:
        return NOT_SEEN
    found, seen = _transit(entry)
    if found["arrived"] < MOST * found["packets"] or not found["packets"]:
        return differs(seen, "people are heard with gaps, or not at all; `parley record show` says what came")
    if found["slow"] > MAX_TRANSIT:
        return differs(seen, "answers come late; another region of the voice channel may be nearer")
    return held(seen)


def _first_syllables(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionCarried")
    if entry is None:
        return NOT_SEEN
    first = int(entry["transit"]["first"])
    seen = f"{first} of the first {FIRST} packets"
    return held(seen) if first == FIRST else differs(seen, "what people say first is cut off for the voicebot")


def _words(record: FlightRecord) -> Verdict:
    entry = _measured(record, "QuestionUnderstood")
    if entry is None:
        return NOT_SEEN
    if not entry["lines"]:
        return differs("no line of what was asked came", "the voicebot did not hear it, or sends its lines otherwise")
    seen = f"{entry['words']} of {entry['most']} words, the first one {'too' if entry['first'] else 'not'}"
    if entry["words"] < MOST_WORDS * entry["most"] or not entry["first"]:
        return differs(seen, "speech arrives spoilt, or the voicebot listens for another language than English")
    return held(seen)


def _answer(record: FlightRecord) -> Verdict:
    entry = _measured(record, "AnswerCarried")
    if entry is None or not entry["transit"]["packets"]:
        return NOT_SEEN
    found, seen = _transit(entry)
    if not entry["frames"]:
        return differs(f"{seen}; none of it could be decrypted", "people see the bot speak and hear nothing")
    if found["arrived"] < MOST * found["packets"]:
        return differs(seen, "the voicebot is heard with gaps")
    return held(seen)


def _answer_begin(record: FlightRecord) -> Verdict:
    entry = _measured(record, "AnswerCarried")
    if entry is None or not entry["transit"]["packets"]:
        return NOT_SEEN
    first = int(entry["transit"]["first"])
    seen = f"{first} of the first {FIRST} packets"
    if first == FIRST:
        return held(seen)
    setting = f"lead_in_ms: {20 * (FIRST - first) + 20}"
    return differs(seen, "the voicebot's first syllable is cut off for people", setting)


def _ours(record: FlightRecord) -> Verdict:
    turns = [entry for entry in record.of("event") if entry.get("event") == "Turn"]
    if not turns:
        return NOT_SEEN
    ours = max(float(turn["carried_in"]) + float(turn["heard"]) - float(turn["voice"]) for turn in turns)
    seen = f"{turns[-1]['heard']:.1f} s to the answer, {ours * 1000:.0f} ms of it in Parley"
    return held(seen) if ours <= MAX_OURS else differs(seen, "answers come late; is this machine busy?")


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("What somebody says reaches Parley", _question),
    Assumption("No first syllable of people is lost", _first_syllables),
    Assumption("The voicebot understands what is said", _words),
    Assumption("What the voicebot says reaches people", _answer),
    Assumption("No first syllable of the voicebot is lost", _answer_begin),
    Assumption("Parley adds little to the time of an answer", _ours),
)

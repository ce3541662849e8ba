"""What a second bot measured becomes a verdict, with what follows and a setting where one helps."""

from pathlib import Path
from typing import Any

import pytest

from bot.live.contract import ASSUMPTIONS
from bot.live.measured import AnswerCarried, QuestionCarried, QuestionUnderstood, VoicebotSeen
from bot.live.packet_times import Transit
from bot.recorder.contract import Outcome, Verdict, judge
from bot.recorder.events import Happened
from bot.recorder.redactor import Redactor
from tests.bot.recorder.calls import record

GOOD = Transit(packets=200, arrived=200, first=10, missing=0, usual=0.031, slow=0.06)
SEEN = VoicebotSeen(came=True, asked=True, answered=True)
TURN = {"kind": "event", "event": "Turn", "t": 9.0, "carried_in": 0.05, "line": 0.4, "voice": 1.2, "heard": 1.23}


def verdicts(folder: Path, *measured: Any) -> dict[str, Verdict]:
    """What was made of it, by the assumption's text, from the entries that a real record would have."""
    redactor = Redactor()
    entries = [{"t": 1.0, **redactor.entry(Happened(one))} if not isinstance(one, dict) else one for one in measured]
    own = {assumption.text for assumption in ASSUMPTIONS}
    found = {finding.assumption.text: finding.verdict for finding in judge(record(folder, *entries), ASSUMPTIONS)}
    return {text: verdict for text, verdict in found.items() if text in own}


def test_a_good_check_holds_everything(tmp_path: Path) -> None:
    found = verdicts(
        tmp_path, SEEN, QuestionCarried(GOOD, 0), QuestionUnderstood(1, 8, 8, True), AnswerCarried(GOOD, 180, 20), TURN
    )
    assert {verdict.outcome for verdict in found.values()} == {Outcome.HELD}
    assert found["What somebody says reaches Parley"].seen == (
        "200 of 200 packets, usually in 31 ms, 95 in 100 within 60 ms"
    )
    assert found["Parley adds little to the time of an answer"].seen == "1.2 s to the answer, 80 ms of it in Parley"


def test_without_a_second_bot_nothing_is_claimed(tmp_path: Path) -> None:
    assert {verdict.outcome for verdict in verdicts(tmp_path).values()} == {Outcome.NOT_SEEN}


@pytest.mark.parametrize(
    ("text", "measured", "seen", "proposal"),
    [
        ("The voicebot comes", VoicebotSeen(came=False, asked=False, answered=False), "did not come", None),
        ("The voicebot answers", VoicebotSeen(came=True, asked=True, answered=False), "said nothing", None),
        (
            "What somebody says reaches Parley",
            QuestionCarried(Transit(200, 150, 10, 0, 0.03, 0.06), 0),
            "150 of 200 packets",
            None,
        ),
        ("What somebody says reaches Parley", QuestionCarried(Transit(200, 0, 0, 200, 0, 0), 0), "0 of 200", None),
        ("What somebody says reaches Parley", QuestionCarried(Transit(200, 200, 10, 0, 0.2, 0.4), 0), "400 ms", None),
        ("What somebody says reaches Parley", QuestionCarried(GOOD, 7), "7 could not be decrypted", None),
        (
            "No first syllable of people is lost",
            QuestionCarried(Transit(200, 195, 5, 5, 0.03, 0.06), 0),
            "5 of the first 10 packets, without the first 5",
            None,
        ),
        ("The voicebot understands what is said", QuestionUnderstood(0, 0, 8, False), "no line", None),
        ("The voicebot understands what is said", QuestionUnderstood(1, 4, 8, True), "4 of 8 words", None),
        ("The voicebot understands what is said", QuestionUnderstood(1, 7, 8, False), "without the first one", None),
        ("What the voicebot says reaches people", AnswerCarried(GOOD, 1, 20), "only 1 with sound", None),
        ("What the voicebot says reaches people", AnswerCarried(Transit(200, 90, 10, 0, 0, 0), 80, 20), "90 of", None),
        (
            "No first syllable of the voicebot is lost",
            AnswerCarried(Transit(200, 196, 6, 4, 0, 0), 180, 20),
            "6 of the first 10",
            "defaults: {lead_in_ms: 100}",
        ),
        (
            "No first syllable of the voicebot is lost",
            AnswerCarried(Transit(200, 190, 0, 10, 0, 0), 180, 200),
            "0 of the first 10",
            None,
        ),
        ("Parley adds little to the time of an answer", {**TURN, "heard": 2.0}, "850 ms of it in Parley", None),
    ],
)
def test_what_differs(tmp_path: Path, text: str, measured: Any, seen: str, proposal: str | None) -> None:
    verdict = verdicts(tmp_path, measured)[text]
    assert verdict.outcome is Outcome.DIFFERS
    assert seen in verdict.seen
    assert verdict.consequence
    assert verdict.proposal == proposal


def test_a_voicebot_that_said_nothing_is_not_judged(tmp_path: Path) -> None:
    found = verdicts(tmp_path, AnswerCarried(Transit(0, 0, 0, 0, 0, 0), 0, 20))
    assert found["What the voicebot says reaches people"].outcome is Outcome.NOT_SEEN


def test_one_packet_that_is_lost_somewhere_is_no_syllable(tmp_path: Path) -> None:
    lost = Transit(200, 199, 9, 0, 0.03, 0.06)
    found = verdicts(tmp_path, SEEN, QuestionCarried(lost, 0), AnswerCarried(lost, 180, 20))
    assert found["No first syllable of people is lost"].outcome is Outcome.HELD
    assert found["No first syllable of the voicebot is lost"].outcome is Outcome.HELD


def test_the_slowest_answer_is_the_one_that_is_told(tmp_path: Path) -> None:
    slow = {**TURN, "heard": 4.0, "t": 5.0}
    assert verdicts(tmp_path, slow, TURN)["Parley adds little to the time of an answer"].seen.startswith("4.0 s to")

"""What a second bot measured becomes a verdict, with what follows and a setting where one helps."""

from pathlib import Path
from typing import Any

import pytest

from bot.live.contract import ASSUMPTIONS
from bot.live.measured import AnswerCarried, QuestionCarried, QuestionUnderstood
from bot.live.packet_times import Transit
from bot.recorder.contract import Outcome, Verdict, judge
from bot.recorder.events import Happened
from bot.recorder.redactor import Redactor
from tests.bot.recorder.calls import record

GOOD = Transit(packets=200, arrived=200, first=10, usual=0.031, slow=0.06)
TURN = {"kind": "event", "event": "Turn", "t": 9.0, "carried_in": 0.05, "line": 0.4, "voice": 1.2, "heard": 1.23}


def verdicts(folder: Path, *measured: Any) -> dict[str, Verdict]:
    """What was made of it, by the assumption's text, from the entries that a real record would have."""
    redactor = Redactor()
    entries = [{"t": 1.0, **redactor.entry(Happened(one))} if not isinstance(one, dict) else one for one in measured]
    own = {assumption.text for assumption in ASSUMPTIONS}
    found = {finding.assumption.text: finding.verdict for finding in judge(record(folder, *entries), ASSUMPTIONS)}
    return {text: verdict for text, verdict in found.items() if text in own}


def test_a_good_check_holds_everything(tmp_path: Path) -> None:
    found = verdicts(tmp_path, QuestionCarried(GOOD), QuestionUnderstood(1, 8, 8, True), AnswerCarried(GOOD, 180), TURN)
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
        (
            "What somebody says reaches Parley",
            QuestionCarried(Transit(200, 150, 10, 0.03, 0.06)),
            "150 of 200 packets",
            None,
        ),
        ("What somebody says reaches Parley", QuestionCarried(Transit(0, 0, 0, 0, 0)), "0 of 0 packets", None),
        ("What somebody says reaches Parley", QuestionCarried(Transit(200, 200, 10, 0.2, 0.4)), "400 ms", None),
        ("No first syllable of people is lost", QuestionCarried(Transit(200, 195, 5, 0.03, 0.06)), "5 of", None),
        ("The voicebot understands what is said", QuestionUnderstood(0, 0, 8, False), "no line", None),
        ("The voicebot understands what is said", QuestionUnderstood(1, 4, 8, True), "4 of 8 words", None),
        ("The voicebot understands what is said", QuestionUnderstood(1, 7, 8, False), "the first one not", None),
        ("What the voicebot says reaches people", AnswerCarried(GOOD, 0), "none of it could be decrypted", None),
        ("What the voicebot says reaches people", AnswerCarried(Transit(200, 90, 10, 0, 0), 80), "90 of 200", None),
        (
            "No first syllable of the voicebot is lost",
            AnswerCarried(Transit(200, 196, 6, 0, 0), 180),
            "6 of the first 10",
            "lead_in_ms: 100",
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
    found = verdicts(tmp_path, AnswerCarried(Transit(0, 0, 0, 0, 0), 0))
    assert found["What the voicebot says reaches people"].outcome is Outcome.NOT_SEEN

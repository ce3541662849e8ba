"""How assumptions and what became of them are printed."""

from bot.cli.findings import lines_of, summary
from bot.recorder.contract import NOT_SEEN, Assumption, Finding, differs, held


def finding(text: str, verdict: object) -> Finding:
    return Finding(Assumption(text, lambda record: NOT_SEEN), verdict)  # type: ignore[arg-type]


FOUND = [
    finding("Keys are agreed", held("keys at 0.5 s")),
    finding("The transcript is there", differs("it is elsewhere", "lines stay missing", "messages_path: x")),
    finding("All is known", differs("new fields", "they are passed over")),
    finding("Somebody spoke", NOT_SEEN),
]


def test_a_line_each_with_what_follows_below_it() -> None:
    assert list(lines_of(FOUND)) == [
        "+ Keys are agreed: keys at 0.5 s",
        "! The transcript is there: it is elsewhere",
        "    lines stay missing",
        "    proposed setting: messages_path: x",
        "! All is known: new fields",
        "    they are passed over",
        "? Somebody spoke: not seen",
    ]


def test_the_sum() -> None:
    assert summary(FOUND) == "1 held, 2 differ, 1 were not seen."

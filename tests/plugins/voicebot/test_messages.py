"""The sentences people read, and which voicebot they mean."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.access.voicebots import resolve_voicebot
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord
from bot.billing.receipt import Receipt
from bot.billing.usage import Period
from bot.call.turns import Turn
from bot.config.model import ServerSettings
from bot.errors import Refused
from bot.media.report import SoundReport, SpeakerReport
from plugins.voicebot import messages
from tests.bot.billing.records import record


def _receipt(**changes: object) -> Receipt:
    values: dict[str, object] = {
        "call_id": "a1b2c3",
        "guild_id": 1,
        "voice_channel_id": 2,
        "text_channel_id": 3,
        "starter_id": 5,
        "voicebot": "66f0",
        "voicebot_name": "Guide",
        "reason": EndReason.EMPTY,
        "ended_by": None,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "duration": 754.0,
        "billed_minutes": 13,
        "credits": Decimal("1.50"),
    }
    return Receipt(**{**values, **changes})  # type: ignore[arg-type]


def test_a_receipt_says_who_why_how_long_and_how_much() -> None:
    embed = messages.receipt(_receipt(), "en")
    fields = {field.name: field.value for field in embed.fields}
    assert embed.description == "It ended because everybody had left the voice channel."
    assert fields == {"Started by": "<@5>", "Duration": "12:34", "Billed minutes": "about 13", "Credits": "1.5"}


def test_a_receipt_names_who_ended_it() -> None:
    embed = messages.receipt(_receipt(reason=EndReason.LEFT, ended_by=7), "en")
    assert embed.description == "It ended because someone sent the bot away (<@7>)."


def test_an_outcome_nobody_knows_is_said_so() -> None:
    embed = messages.receipt(_receipt(reason=None), "en")
    assert "was not started" in str(embed.title)
    assert "may be billed" in str(embed.description)


def test_a_receipt_carries_the_sessions_id() -> None:
    assert messages.receipt(_receipt(), "en").footer.text == "Session a1b2c3"


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_makes_a_sentence(reason: EndReason) -> None:
    assert messages.receipt(_receipt(reason=reason), "en").description == f"It ended because {reason.value}."


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")])
def test_duration(seconds: float, text: str) -> None:
    assert messages.duration(seconds) == text


@pytest.mark.parametrize(
    ("settings", "asked", "found"),
    [
        ({"voicebot": "id1"}, None, "id1"),
        ({"voicebot": "guide", "voicebots": {"guide": "id1"}}, None, "id1"),
        ({"voicebots": {"guide": "id1"}}, None, "id1"),
        ({"voicebots": {"Guide": "id1", "poet": "id2"}}, "gUIDE", "id1"),
        ({"voicebot": "id1"}, "id9", "id9"),
    ],
)
def test_which_voicebot(settings: dict[str, object], asked: str | None, found: str) -> None:
    assert resolve_voicebot(ServerSettings.model_validate(settings), asked) == found


def test_an_unknown_voicebot_is_refused_with_those_there_are() -> None:
    settings = ServerSettings(voicebots={"guide": "1", "poet": "2"})
    with pytest.raises(Refused, match=r"guide.*poet"):
        resolve_voicebot(settings, "clown")
    with pytest.raises(Refused, match="No voicebot is set"):
        resolve_voicebot(settings, None)


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _session(identifier: str, **changes: Any) -> SessionRecord:
    return record(identifier, opened_at=NOW.timestamp() - 600, billed_minutes=3, **changes)


def test_usage_for_someone_who_manages_the_server() -> None:
    records = [_session("a", starter_id=4, voicebot_name="Guide"), _session("b", starter_id=5, credits=Decimal("1.50"))]
    embed = messages.usage(Period.TODAY, records, records, NOW, "en", everyone=True)
    assert embed.title == "Calls today"
    assert embed.description == "This server: 2 calls, about 6 min, 1.5 credits"
    by_user, by_voicebot = embed.fields
    assert str(by_user.value).splitlines() == [
        "<@4>: 1 call, about 3 min",
        "<@5>: 1 call, about 3 min, 1.5 credits",
    ]
    assert "Guide" in str(by_voicebot.value) or "66f0" in str(by_voicebot.value)


def test_usage_for_someone_else_shows_their_own_part() -> None:
    records = [_session("a", starter_id=4), _session("b", starter_id=5)]
    embed = messages.usage(Period.TODAY, records, records[:1], NOW, "en", everyone=False)
    (own,) = embed.fields
    assert (own.name, own.value) == ("Started by you", "<@4>: 1 call, about 3 min")


def test_usage_without_a_call() -> None:
    assert messages.usage(Period.LAST_MONTH, [], [], NOW, "en", everyone=True).description == "There were none."


def test_usage_with_more_names_than_fit() -> None:
    records = [_session(f"s{number}", starter_id=10**18 + number) for number in range(60)]
    embed = messages.usage(Period.EVER, records, records, NOW, "en", everyone=True)
    assert all(len(str(field.value)) <= 1024 for field in embed.fields)
    assert "and 45 more" in str(embed.fields[0].value)


@pytest.mark.parametrize("language", ["en", "de", "vi"])
def test_usage_with_long_names_and_credits_fits_in_every_language(language: str) -> None:
    records = [
        _session(
            f"s{number}",
            starter_id=10**18 + number,
            credits=Decimal("12345.67"),
            voicebot=f"vb{number}",
            voicebot_name=f"Guide of the {number}th hall, second floor",
        )
        for number in range(20)
    ]
    fields = messages.usage(Period.EVER, records, records, NOW, language, everyone=True).fields
    shown = [len(str(field.value).splitlines()) - 1 for field in fields]
    assert all(700 < len(str(field.value)) <= 1024 for field in fields)
    assert all(f"{20 - lines}" in str(field.value).splitlines()[-1] for field, lines in zip(fields, shown, strict=True))


def test_details_of_a_sound_that_nobody_has_made() -> None:
    assert "Nobody was heard so far" in messages.details(SoundReport(), (), "en")


def test_details_of_a_crowd_fit_into_a_message_beside_the_status() -> None:
    crowd = tuple(
        SpeakerReport(
            10**18 + number,
            packets=999_999,
            lost=99_999,
            late=99_999,
            duplicate=9_999,
            dropped=9_999,
            concealed=99_999,
            undecryptable=99_999,
            undecodable=99_999,
            jitter=0.999,
            delay=0.999,
            depth=0.099,
            speaking=True,
        )
        for number in range(40)
    )
    text = messages.details(SoundReport(speakers=crowd), [ANSWER, ANSWER], "en")
    assert "and 35 more" in text
    assert len(text) < 2200 - 500


def test_details_of_one_person() -> None:
    ann = SpeakerReport(1, packets=500, lost=3, concealed=2, level=-23.6, jitter=0.0031, delay=0.0524, depth=0.04)
    text = messages.details(SoundReport(speakers=(ann,), delay_to_room=0.0524), (), "en")
    assert "<@1>: 500 packets, 3 lost, 2 concealed, -24 dB, jitter 3 ms, delay 52 ms" in text
    assert "52 ms to the voicebot" in text


ANSWER = Turn(carried_in=0.06, line=0.41, voice=0.9, heard=0.96)


def test_details_of_an_answer_say_who_took_how_long() -> None:
    text = messages.details(SoundReport(), [ANSWER], "en")
    assert text.splitlines()[0] == (
        "Last answer: heard after 1020 ms, 900 ms at the voicebot (the line after 410 ms) and 120 ms in Parley"
    )
    assert "Half of the last" not in text


def test_details_of_an_answer_without_a_line() -> None:
    text = messages.details(SoundReport(), [replace(ANSWER, line=None)], "en")
    assert text.splitlines()[0] == "Last answer: heard after 1020 ms, 900 ms at the voicebot and 120 ms in Parley"


def test_details_of_several_answers() -> None:
    slow = Turn(carried_in=0.06, line=None, voice=2.0, heard=2.1)
    text = messages.details(SoundReport(), [ANSWER, slow, ANSWER], "en")
    assert "Half of the last 3 answers: heard after 1020 ms or less, 120 ms of it in Parley" in text


def test_details_of_packets_that_were_not_played() -> None:
    ann = SpeakerReport(1, packets=500, duplicate=4, dropped=5, undecodable=6)
    sound = SoundReport(
        packets_received=510, packets_refused=7, packets_early=8, frames_without_keys=9, speakers=(ann,)
    )
    text = messages.details(sound, (), "en")
    assert "Packets: 510 received, 7 refused, 8 before their speaker was known; " in text
    assert "9 frames not sent for lack of keys" in text
    assert "500 packets, 4 came twice, 5 dropped, 6 not Opus" in text

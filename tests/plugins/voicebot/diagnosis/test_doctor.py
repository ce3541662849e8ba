"""What the doctor says of a call, and that the worst comes with the way out."""

from dataclasses import replace

import pytest

from bot.language import say
from bot.media.report import SoundReport, SpeakerReport
from bot.text import MESSAGE_LIMIT
from plugins.voicebot.diagnosis.doctor import (
    MAX_PEOPLE,
    Finding,
    Mark,
    Person,
    Place,
    RunningCall,
    echo_result,
    examine,
    report,
)

PLACE = Place("<#1>", "<#2>")
KNOWN = Finding(Mark.GOOD, say("Valsea takes the key."))
SOUND = SoundReport(packets_received=500, privacy_code="12345 67890")
CALL = RunningCall(True, True, SOUND)
GOOD = SpeakerReport(7, packets=500, level=-20.0, delay=0.05, depth=0.04)


def _lines(
    place: Place = PLACE, provider: Finding = KNOWN, call: RunningCall | None = CALL, *people: Person
) -> list[str]:
    return report(examine(place, provider, call, people), "en").splitlines()


def test_all_is_well() -> None:
    lines = _lines(PLACE, KNOWN, CALL, Person(7, sound=GOOD))
    assert all(line.startswith("✅") for line in lines)
    assert lines[-1] == "✅ <@7> is heard (-20 dB, 500 packets)."
    assert any("privacy code `12345 67890`" in line for line in lines)


@pytest.mark.parametrize(
    ("unowned", "received", "told"), [(99, 99, False), (100, 500, True), (500, 1500, True), (300, 100_000, False)]
)
def test_packets_of_nobody_are_told_of_while_they_are_a_share_of_all(unowned: int, received: int, told: bool) -> None:
    call = replace(CALL, sound=replace(SOUND, packets_received=received, packets_unowned=unowned))
    assert any("somebody whom Discord has not identified" in line for line in _lines(PLACE, KNOWN, call)) == told


@pytest.mark.parametrize(
    ("place", "sign"),
    [
        (
            replace(PLACE, missing_in_voice=("Connect", "Speak")),
            "❌ I need the permission **Connect**, **Speak** in <#1>",
        ),
        (replace(PLACE, missing_in_text=("Send Messages",)), "❌ I need the permission **Send Messages** in <#2>"),
        (replace(PLACE, text_channel=None), "❌ The text channel in this server's settings is gone"),
        (replace(PLACE, voice_channel=None), "⚠️ Join a voice channel"),
        (replace(PLACE, bot_muted=True), "❌ I was muted on this server"),
        (replace(PLACE, bot_deafened=True), "❌ I was deafened on this server"),
    ],
)
def test_channels(place: Place, sign: str) -> None:
    assert any(line.startswith(sign) for line in _lines(place))


@pytest.mark.parametrize(
    ("call", "sign"),
    [
        (None, "⚠️ There is no call. `/voicebot test`"),
        (replace(CALL, live=False), "⚠️ The call is just being connected"),
        (replace(CALL, voicebot_there=False), "⚠️ The voicebot is not in its room"),
        (replace(CALL, sound=replace(SOUND, packets_undecryptable=400)), "❌ Most of what arrives cannot be decrypted"),
        (replace(CALL, sound=replace(SOUND, privacy_code=None)), "⚠️ End-to-end encryption is not agreed yet"),
    ],
)
def test_calls(call: RunningCall | None, sign: str) -> None:
    assert any(line.startswith(sign) for line in _lines(PLACE, KNOWN, call))


@pytest.mark.parametrize(
    ("person", "sign"),
    [
        (Person(7), "⚠️ Nothing arrives from <@7>."),
        (Person(7, sound=replace(GOOD, packets=0)), "⚠️ Nothing arrives from <@7>."),
        (Person(7, muted=True, sound=GOOD), "⚠️ <@7> has muted their microphone"),
        (Person(7, server_muted=True, muted=True), "❌ <@7> is muted by this server"),
        (Person(7, without_consent=True, sound=GOOD), "⚠️ <@7> has not agreed to be heard, or asked not to be"),
        (Person(7, sound=replace(GOOD, packets=3, undecryptable=90)), "❌ <@7> cannot be decrypted (90 packets)"),
        (Person(7, sound=replace(GOOD, lost=125)), "⚠️ <@7> is heard, but 20 % is lost"),
        (Person(7, sound=replace(GOOD, packets=20, lost=5)), "✅ <@7> is heard"),  # too few to say anything
        (Person(7, sound=replace(GOOD, level=-60.0)), "⚠️ <@7> is heard, but very quietly (-60 dB)"),
    ],
)
def test_people(person: Person, sign: str) -> None:
    assert _lines(PLACE, KNOWN, CALL, person)[-1].startswith(sign)


def test_a_session_that_could_not_be_opened() -> None:
    assert "❌ no key" in _lines(PLACE, Finding(Mark.BAD, "no key"))


def test_what_an_echo_has_found() -> None:
    assert echo_result(SoundReport(), say("Everybody is muted."), "en").splitlines() == [
        "The test is over, and nothing was billed.",
        f"{Mark.BAD.value} Everybody is muted.",
    ]
    assert "✅ <@7>: 500 packets, none lost, -20 dB" in echo_result(SoundReport(speakers=(GOOD,)), None, "en")


def test_a_crowd_fits_into_a_message_and_whoever_has_a_trouble_comes_first() -> None:
    crowd = [Person(10**18 + number, sound=GOOD) for number in range(40)]
    crowd[33] = Person(10**18 + 33, muted=True)
    crowd[37] = Person(10**18 + 37, server_muted=True)
    lines = _lines(PLACE, KNOWN, CALL, *crowd)
    people = [line for line in lines if "<@1000" in line]
    assert len(people) == MAX_PEOPLE
    assert people[0].startswith(f"❌ <@{10**18 + 37}>")
    assert people[1].startswith(f"⚠️ <@{10**18 + 33}>")
    assert lines[-1] == f"✅ {40 - MAX_PEOPLE} more people are heard."
    assert len("\n".join(lines)) < 2000
    troubled = _lines(PLACE, KNOWN, CALL, *(Person(10**18 + number) for number in range(40)))
    assert troubled[-1] == f"⚠️ {40 - MAX_PEOPLE} more people are not heard well."
    for language in ("en", "de", "vi"):
        found = examine(PLACE, KNOWN, CALL, [Person(10**18 + number) for number in range(40)])
        assert len(report(found, language)) < MESSAGE_LIMIT


def test_who_cannot_see_the_channel_is_told_of_nobody_in_it() -> None:
    lines = report(examine(PLACE, KNOWN, None, [], hidden=True), "en").splitlines()
    assert lines[-1].startswith("⚠️ There is a call in a voice channel that you cannot see")
    assert not any("There is no call" in line for line in lines)

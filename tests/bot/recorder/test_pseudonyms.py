"""The same value has the same name, and no name tells the value."""

from bot.recorder.pseudonyms import MAX_VALUES, Pseudonyms


def test_the_same_value_has_the_same_name() -> None:
    names = Pseudonyms()
    assert names.of("user", 1234) == "user-1"
    assert names.of("user", 5678) == "user-2"
    assert names.of("user", "1234") == "user-1"  # Discord writes ids as text


def test_kinds_are_counted_each_for_itself() -> None:
    names = Pseudonyms()
    assert (names.of("user", 1), names.of("ssrc", 1), names.of("ssrc", 2)) == ("user-1", "ssrc-1", "ssrc-2")


def test_another_record_has_other_names() -> None:
    first, second = Pseudonyms(), Pseudonyms()
    first.of("user", 1)
    assert first.of("user", 2) == "user-2"
    assert second.of("user", 2) == "user-1"


def test_a_storm_of_values_takes_no_more_memory() -> None:
    names = Pseudonyms()
    found = {names.of("ssrc", number) for number in range(MAX_VALUES + 1000)}
    assert len(found) == MAX_VALUES + 1
    assert "ssrc-many" in found
    assert names.of("ssrc", 0) == "ssrc-1"  # those that have a name keep it

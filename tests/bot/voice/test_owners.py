"""Whose an SSRC is, found by keys: proof, at a bounded rate."""

from bot.voice.owners import TRIES_PER_SECOND, OwnerSearch

ANN, BOB, CAROL = 1, 2, 3


def _search(owner: int | None) -> tuple[OwnerSearch, list[int]]:
    tried: list[int] = []

    def opens(user_id: int, frame: bytes) -> bytes | None:
        tried.append(user_id)
        return b"opus" if user_id == owner else None

    return OwnerSearch(opens), tried


def test_whoevers_keys_open_a_frame_is_its_owner() -> None:
    search, tried = _search(CAROL)
    assert search.may_try(0.0)
    assert search.find(10, b"frame", [ANN, BOB, CAROL]) == (CAROL, b"opus")
    assert tried == [ANN, BOB, CAROL]
    assert (search.tries, search.found) == (3, 1)


def test_nobodys_frame_has_no_owner() -> None:
    search, _ = _search(None)
    assert search.may_try(0.0)
    assert search.find(10, b"frame", [ANN, BOB]) is None
    assert search.find(10, b"frame", []) is None


def test_a_flood_of_strangers_costs_a_bounded_number_of_tries() -> None:
    search, tried = _search(None)
    for number in range(20_000):  # twenty seconds of a thousand packets each
        now = number / 1000
        if search.may_try(now):
            search.find(number, b"frame", list(range(1, 51)))
    assert len(tried) <= TRIES_PER_SECOND * 21


def test_in_a_crowd_everybody_gets_their_turn() -> None:
    """A hundred candidates are more than are tried at once; the search goes on where it stopped."""
    search, _ = _search(99)
    found = None
    for number in range(500):
        if found is None and search.may_try(number * 0.02):
            found = search.find(10, b"frame", list(range(100)))
    assert found == (99, b"opus")


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    search, tried = _search(None)
    for now in (100.0, 50.0, 50.0):
        if search.may_try(now):
            search.find(10, b"frame", list(range(200)))
    assert len(tried) <= TRIES_PER_SECOND

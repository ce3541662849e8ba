"""A bad line does what it is told, and the same thing every time."""

from sandbox.people.line import Line


def _arrivals(line: Line, count: int = 2000) -> list[list[float]]:
    return [line.departures(number * 0.02) for number in range(count)]


def test_a_clean_line_delivers_at_once() -> None:
    assert Line().clean
    assert _arrivals(Line(), 10) == [[0.0]] * 10


def test_loss_has_the_share_it_was_given() -> None:
    lost = sum(not arrival for arrival in _arrivals(Line(loss=0.1)))
    assert 140 < lost < 260


def test_a_burst_loses_neighbours() -> None:
    arrivals = _arrivals(Line(loss=0.02, burst=0.2))
    lost = [not arrival for arrival in arrivals]
    first = lost.index(True)
    assert all(lost[first : first + 9])


def test_delay_jitter_and_duplicates() -> None:
    arrivals = [copy for arrival in _arrivals(Line(delay=0.05, jitter=0.04, duplicate=0.2)) for copy in arrival]
    assert min(arrivals) >= 0.05
    assert 0.08 < max(arrivals) < 0.1
    assert 2300 < len(arrivals) < 2500


def test_the_seed_decides() -> None:
    assert _arrivals(Line(loss=0.3, jitter=0.1, seed=5)) == _arrivals(Line(loss=0.3, jitter=0.1, seed=5))
    assert _arrivals(Line(loss=0.3, jitter=0.1, seed=5)) != _arrivals(Line(loss=0.3, jitter=0.1, seed=6))

"""The short form of `make soak`: a minute of talk with a fast clock, a pause, talk again."""

from sandbox.stage import Stage
from tests import soak


async def test_the_delay_stays_where_it_is(stage: Stage) -> None:
    outcome = await soak.run(stage, talks=2, talk=36, silence=10, clock=1.0003)
    assert abs(outcome.drift("to_room")) <= 0.03, str(outcome)
    assert abs(outcome.drift("to_person")) <= 0.03, str(outcome)
    assert outcome.phases[1].files <= outcome.phases[0].files

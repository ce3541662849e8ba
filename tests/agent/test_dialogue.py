"""The museum guide's script."""

import pytest

from agent.dialogue import FALLBACK, TOPICS, answer
from sandbox.valsea.pictures import KEYS


@pytest.mark.parametrize(
    ("question", "image"),
    [
        ("When does the museum open tomorrow?", "opening_hours"),
        ("How much is a ticket?", "ticket_prices"),
        ("Where can I find the dinosaur skeleton?", "dinosaur"),
        ("Tell me about the famous painting", "sailing_boat"),
        ("is there a café", "garden_cafe"),
        ("Show me the way to the elevator.", "floor_plan"),
        ("Hello", None),
        ("Thank you!", None),
    ],
)
def test_questions_and_their_pictures(question: str, image: str | None) -> None:
    reply = answer(question)
    assert reply is not FALLBACK
    assert reply.image == image


@pytest.mark.parametrize("question", ["", "Blah blah.", "???"])
def test_what_it_does_not_understand_it_says_so(question: str) -> None:
    assert answer(question) is FALLBACK


def test_six_pictures_and_the_provider_has_them_all() -> None:
    assert {topic.reply.image for topic in TOPICS if topic.reply.image} == set(KEYS)

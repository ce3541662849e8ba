"""What the voicebot answers: a museum guide with a fixed script, so that everybody knows what to expect.

Pure: text in, text and a picture's key out.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say, and the key of the picture to show with it, if any."""

    text: str
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """Words that call for a reply; the topic with most of its words in the question wins."""

    words: frozenset[str]
    reply: Reply


def _topic(words: str, text: str, image: str | None = None) -> Topic:
    return Topic(frozenset(words.split()), Reply(text, image))


GREETING = Reply("Welcome to the city museum. What would you like to know?")
FALLBACK = Reply(
    "I am sorry, I did not understand that. You can ask me about opening hours, tickets, the cafe, "
    "the dinosaur, the paintings or the way."
)

#: Six of them show a picture. Where two fit equally well the earlier one is meant: "where is the dinosaur" is about the
#: dinosaur and not about the way.
TOPICS = (
    _topic(
        "open opens opening close closes closing hours",
        "The museum opens at nine in the morning and closes at six in the evening.",
        "opening_hours",
    ),
    _topic(
        "dinosaur dinosaurs bones skeleton fossil",
        "Our dinosaur lived a very long time ago. You will find the skeleton in the great hall.",
        "dinosaur",
    ),
    _topic(
        "painting paintings picture pictures art gallery",
        "The paintings are on the second floor. The most famous one shows a red sailing boat.",
        "sailing_boat",
    ),
    _topic(
        "cafe coffee food eat drink restaurant lunch hungry cake",
        "The cafe is in the garden. They serve apple cake and fresh coffee.",
        "garden_cafe",
    ),
    _topic(
        "ticket tickets price cost costs pay much money entrance",
        "One ticket costs eight dollars. Children pay nothing.",
        "ticket_prices",
    ),
    _topic(
        "map plan floor where way find toilet toilets elevator stairs",
        "Here is the floor plan. The main stairs are behind the entrance hall.",
        "floor_plan",
    ),
    _topic("hello hi hey morning evening", "Hello. I am your museum guide."),
    _topic("thanks thank bye goodbye", "You are welcome. Enjoy your visit."),
)


def answer(question: str) -> Reply:
    """The reply to a question, however it was recognised."""
    asked = set(re.findall(r"[a-z]+", question.lower().replace("é", "e")))
    best = max(TOPICS, key=lambda topic: len(topic.words & asked))
    return best.reply if best.words & asked else FALLBACK

"""Every event of a call has a hook that takes what it carries, and the other way round."""

import inspect
from dataclasses import fields

import pytest

from bot.call import events
from bot.call.events import CallEvent, LineSaid, PersonSpeaking, TranscriptLine, WarningGiven
from bot.plugin_host.plugin import Plugin

NAMED = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, CallEvent)]
EVENTS = [event for event in NAMED if event is not CallEvent]
#: Hooks for what is no event of a call: they are awaited, and answer.
ANSWERED = {"on_load", "on_unload", "on_call_starting", "on_call_ended"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_hook_of_an_event_takes_its_fields(event: type[CallEvent]) -> None:
    hook = inspect.signature(getattr(Plugin, event.hook))
    assert list(hook.parameters) == ["self", "call", *(field.name for field in fields(event))]


def test_every_hook_has_an_event() -> None:
    hooks = {name for name in vars(Plugin) if name.startswith("on_")} - ANSWERED
    assert {event.hook for event in EVENTS} == hooks


def test_what_passes_by_itself_does_not_matter_for_ever() -> None:
    interim, final = (TranscriptLine("user", "hello", final) for final in (False, True))
    assert [LineSaid(interim).matters, LineSaid(final).matters] == [False, True]
    assert [PersonSpeaking(1, True).matters, WarningGiven("gone").matters] == [False, True]


def test_a_hook_gets_the_fields_in_their_order() -> None:
    assert PersonSpeaking(1, True).arguments == (1, True)

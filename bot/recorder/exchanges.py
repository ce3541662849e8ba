"""Requests to the provider, as the flight recorder sees them: what was asked, in which form, and how it was answered.

Whoever makes requests for a call sets `observer` in its context; tasks that it starts inherit it, and `bot.network`
reports to it. In the watchdog, which makes the request that opens a session, the exchanges go back to the bot with its
answer.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from pydantic import BaseModel


class Exchange(BaseModel, frozen=True):
    """One request and its answer. Bodies are shapes; the path and header names are as they were."""

    method: str
    host: str
    path: str
    query: tuple[str, ...] = ()  # names of parameters
    request: Any = None  # shape of the body
    status: int | None = None  # None when no answer came
    error: str | None = None  # the class of what went wrong then
    headers: tuple[str, ...] = ()  # names, in lower case
    content_type: str | None = None
    answer: Any = None  # shape of the body
    seconds: float = 0.0  # to the end of the answer


#: Who is told of the requests that are made in this context; None for nobody.
observer: ContextVar[Callable[[Exchange], None] | None] = ContextVar("observer", default=None)

"""What happens to a call is handled in order, until it is over."""

import asyncio

import pytest

from bot.call.inbox import Inbox


class Loop:
    """An inbox with what was done, in order."""

    def __init__(self, max_wait: float = 60.0) -> None:
        self.inbox: Inbox[str] = Inbox()
        self.done: list[str] = []
        self.looked = asyncio.Event()
        self._max_wait = max_wait
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.inbox.run(handle=self._handle, look=self._look, max_wait=lambda: self._max_wait)

    def _handle(self, item: str) -> None:
        self.done.append(item)
        if item == "last":
            self.inbox.close()

    async def _look(self) -> None:
        self.done.append("look")
        self.looked.set()

    async def when_looked(self) -> None:
        async with asyncio.timeout(5):
            await self.looked.wait()
        self.looked.clear()


async def test_each_item_is_handled_in_order_and_followed_by_a_look() -> None:
    loop = Loop()
    for item in ("one", "two", "last", "too late"):
        loop.inbox.put(item)
    async with asyncio.timeout(5):
        await loop.task
    assert [what for what in loop.done if what != "look"] == ["one", "two", "last"]
    assert loop.done[:2] == ["one", "look"]


async def test_it_looks_when_woken_each_time() -> None:
    loop = Loop()
    for _ in range(2):
        loop.inbox.wake()
        await loop.when_looked()
    loop.inbox.close()
    await loop.task


async def test_it_looks_when_nothing_comes_for_as_long_as_its_max_wait() -> None:
    loop = Loop(max_wait=0.001)
    for _ in range(3):
        await loop.when_looked()
    loop.inbox.close()
    await loop.task


async def test_what_arrives_together_with_the_end_is_handled() -> None:
    loop = Loop()
    await asyncio.sleep(0)
    loop.inbox.put("words")
    loop.inbox.close()
    await loop.task
    assert "words" in loop.done


async def test_a_cancelled_loop_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    loop = Loop()
    await asyncio.sleep(0)
    loop.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop.task
    assert asyncio.all_tasks() == before


def test_what_is_left_can_be_taken_out() -> None:
    inbox: Inbox[str] = Inbox()
    inbox.put("one")
    inbox.put("two")
    assert list(inbox.drain()) == ["one", "two"]
    assert list(inbox.drain()) == []


async def test_an_item_that_cannot_be_handled_is_not_tried_again_and_nothing_goes_on() -> None:
    inbox: Inbox[str] = Inbox()
    handled: list[str] = []

    def handle(item: str) -> None:
        handled.append(item)
        raise ZeroDivisionError

    async def look() -> None: ...

    before = asyncio.all_tasks()
    inbox.put("one")
    with pytest.raises(ZeroDivisionError):
        await inbox.run(handle=handle, look=look, max_wait=lambda: 60.0)
    assert handled == ["one"]
    assert asyncio.all_tasks() == before

"""Requests to a provider are reported where somebody observes them, and are the same as ever where nobody does."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from bot.network import httpx
from bot.recorder.exchanges import Exchange, observer
from bot.recorder.observed_transport import ObservedTransport
from bot.recorder.shapes import MAX_BODY


class Answers(httpx.AsyncBaseTransport):
    """The network: the next answer, and an empty one to every other request."""

    def __init__(self) -> None:
        self.answer: httpx.Response | Exception | None = None
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        answer, self.answer = self.answer, None
        return answer or httpx.Response(204, stream=Pieces())

    async def aclose(self) -> None:
        self.closed = True


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def network() -> Answers:
    return Answers()


@pytest.fixture
async def http(network: Answers) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=ObservedTransport(network), base_url="https://api.example") as client:
        yield client
    assert network.closed


async def test_a_request_and_its_answer(http: httpx.AsyncClient, network: Answers) -> None:
    seen: list[Exchange] = []
    observer.set(seen.append)
    network.answer = httpx.Response(
        201,
        headers={"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "secret"},
        stream=Pieces(b'{"roomName":', b' "room-1"}'),
    )
    response = await http.post("/v1/session?limit=5", json={"voicebotId": "66f0"}, headers={"X-Key": "secret"})
    assert response.json() == {"roomName": "room-1"}
    (exchange,) = seen
    assert exchange.seconds >= 0
    assert exchange.model_copy(update={"seconds": 0}) == Exchange(
        method="POST",
        host="api.example",
        path="/v1/session",
        query=("limit",),
        request={"voicebotId": "identifier(4)"},
        status=201,
        headers=("content-type", "x-request-id"),
        content_type="application/json",
        answer={"roomName": "identifier(6)"},
    )
    assert "secret" not in exchange.model_dump_json()


async def test_nobody_observes(http: httpx.AsyncClient, network: Answers) -> None:
    observer.set(None)
    body = Pieces(b"{}")
    network.answer = httpx.Response(200, stream=body)
    assert (await http.get("/")).json() == {}
    assert body.closed


async def test_a_request_without_an_answer(http: httpx.AsyncClient, network: Answers) -> None:
    seen: list[Exchange] = []
    observer.set(seen.append)
    network.answer = httpx.ReadTimeout("the secret is 42")
    with pytest.raises(httpx.ReadTimeout):
        await http.delete("/session/7")
    assert [(one.method, one.status, one.error) for one in seen] == [("DELETE", None, "ReadTimeout")]
    assert "secret" not in seen[0].model_dump_json()


async def test_an_answer_that_is_read_in_part_is_reported_once(http: httpx.AsyncClient, network: Answers) -> None:
    seen: list[Exchange] = []
    observer.set(seen.append)
    body = Pieces(b'{"a": 1}', b"more", b"more")
    network.answer = httpx.Response(200, stream=body)
    async with http.stream("GET", "/") as response:
        async for _ in response.aiter_bytes():
            break
        await response.aclose()
    assert [one.status for one in seen] == [200]
    assert body.closed


async def test_a_compressed_answer_is_looked_into(http: httpx.AsyncClient, network: Answers) -> None:
    seen: list[Exchange] = []
    observer.set(seen.append)
    packed = gzip.compress(b'{"detail": "no"}')
    network.answer = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Pieces(packed))
    assert (await http.get("/")).json() == {"detail": "no"}
    network.answer = httpx.Response(200, headers={"content-encoding": "none-of-ours"}, stream=Pieces(b"xyz"))
    await http.get("/")
    assert [one.answer for one in seen] == [{"detail": "word(2)"}, "3 bytes in another encoding"]


async def test_an_answer_without_end_is_not_kept(http: httpx.AsyncClient, network: Answers) -> None:
    seen: list[Exchange] = []
    observer.set(seen.append)
    piece = b"x" * 65_536
    network.answer = httpx.Response(200, stream=Pieces(*[piece] * 100))
    assert len((await http.get("/")).content) == 6_553_600
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < MAX_BODY
    network.answer = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Pieces(bomb))
    async with http.stream("GET", "/") as response:
        async for _ in response.aiter_raw():
            pass
    assert seen[0].answer == "6553600 bytes, too many to look at"
    assert seen[1].answer == f"{MAX_BODY} bytes that are not JSON"


async def test_tasks_report_to_the_call_that_started_them(http: httpx.AsyncClient) -> None:
    first: list[Exchange] = []
    second: list[Exchange] = []

    async def call(seen: list[Exchange], path: str) -> None:
        observer.set(seen.append)
        await asyncio.create_task(http.get(path))

    await asyncio.gather(asyncio.create_task(call(first, "/first")), asyncio.create_task(call(second, "/second")))
    assert [one.path for one in first] == ["/first"]
    assert [one.path for one in second] == ["/second"]

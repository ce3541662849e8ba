"""An httpx transport that reports each request and its answer to whoever observes them."""

import time
import zlib
from collections.abc import AsyncIterator, Callable

from bot.http_library import httpx

from .exchanges import Exchange, observer
from .shapes import MAX_BODY, body_shape

_Observer = Callable[[Exchange], None]
MAX_NAMES = 64


class ObservedTransport(httpx.AsyncBaseTransport):
    """Passes requests on as they are, and reports those that are made where `observer` is set."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; raises what the transport inside raises."""
        report = observer.get()
        if report is None:
            return await self._inner.handle_async_request(request)
        asked = _asked(request)  # before the host is changed for another
        began = time.monotonic()
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            seconds = time.monotonic() - began
            report(asked.model_copy(update={"error": type(error).__name__, "seconds": seconds}))
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _ObservedStream(response, response.stream, asked, began, report)
        return response

    async def aclose(self) -> None:
        """Close the transport that is inside."""
        await self._inner.aclose()


class _ObservedStream(httpx.AsyncByteStream):
    """The body of an answer on its way; reports the exchange when it is closed."""

    def __init__(
        self, response: httpx.Response, inner: httpx.AsyncByteStream, asked: Exchange, began: float, report: _Observer
    ) -> None:
        self._status, self._headers = response.status_code, response.headers
        self._inner = inner
        self._asked = asked
        self._began = began
        self._report: _Observer | None = report
        self._body = bytearray()
        self._size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._size += len(chunk)
            self._body += chunk[: MAX_BODY - len(self._body)]
            yield chunk

    async def aclose(self) -> None:
        """Close the stream inside, and report."""
        try:
            await self._inner.aclose()
        finally:
            report, self._report = self._report, None
            if report is not None:
                report(self._answered())

    def _answered(self) -> Exchange:
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        return self._asked.model_copy(
            update={
                "status": self._status,
                "headers": tuple(sorted({name.lower()[:64] for name in list(self._headers)[:MAX_NAMES]})),
                "content_type": kind if kind in _CONTENT_TYPES else ("another" if kind else None),
                "answer": self._shape(),
                "seconds": time.monotonic() - self._began,
            }
        )

    def _shape(self) -> object:
        if self._size > len(self._body):
            return body_shape(b"", self._size)
        body = bytes(self._body)
        if "content-encoding" in self._headers:
            try:
                body = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, MAX_BODY)
            except zlib.error:
                return f"{len(body)} bytes in another encoding"
        return body_shape(body)


#: zlib's `wbits` that reads both formats.
_GZIP_OR_ZLIB = 47
_CONTENT_TYPES = frozenset({"application/json", "application/problem+json", "text/html", "text/plain"})


def _asked(request: httpx.Request) -> Exchange:
    try:
        body = request.content
    except httpx.RequestNotRead:  # it is sent piece by piece
        body = b""
    return Exchange(
        method=request.method[:16],
        host=request.url.host[:256],
        path=request.url.path[:1000],
        query=tuple(sorted(set(request.url.params)))[:MAX_NAMES],
        request=body_shape(body[:MAX_BODY], len(body)),
    )

"""What never reaches the log, whatever its level."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from bot.cli.logs import set_log_level
from bot.network import httpx


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """The levels as they were before."""
    names = ["", httpx.__name__, "httpcore2", "discord", "watchfiles"]
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"X-Secret": "eyJsecret"})

    app = web.Application()
    app.router.add_get("/session/{room}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/session/room-secret"
    await runner.cleanup()


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_requests_to_a_provider_are_not_logged(
    address: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by the library nor by the one beneath it: session names, headers and answers stay where they are."""
    set_log_level(level)
    async with httpx.AsyncClient() as client:
        assert (await client.get(address)).status_code == 200
    assert [record for record in caplog.records if record.name.startswith("http")] == []
    assert "secret" not in caplog.text


def test_the_librarys_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    set_log_level("INFO")
    logging.getLogger(httpx.__name__).error("it broke")
    assert "it broke" in caplog.text

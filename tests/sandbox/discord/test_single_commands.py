"""Commands registered one at a time, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.discord.model import BotAccount
from sandbox.discord.server import Discord
from tests.sandbox.discord.connector import connector_to

ROLL = {"name": "roll", "description": "Roll a die"}


class Api:
    """One bot's requests about its commands on one server."""

    def __init__(self, http: aiohttp.ClientSession, bot: BotAccount, guild_id: int) -> None:
        self._http = http
        self._url = f"https://discord.com/api/v10/applications/{bot.application_id}/guilds/{guild_id}/commands"
        self._headers = {"Authorization": f"Bot {bot.token}"}

    async def ask(self, method: str, command_id: str = "", body: Any = None) -> tuple[int, Any]:
        """Status and body of an answer."""
        url = f"{self._url}/{command_id}" if command_id else self._url
        async with self._http.request(method, url, json=body, headers=self._headers) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    server = Discord()
    await server.start()
    bot = server.world.create_bot()
    guild_id = server.world.create_guild("One", bot)
    async with aiohttp.ClientSession(connector=connector_to(server)) as http:
        yield Api(http, bot, guild_id)
    await server.stop()


async def test_a_command_is_made_shown_changed_and_deleted(api: Api) -> None:
    status, made = await api.ask("POST", body=ROLL)
    assert (status, made["name"]) == (201, "roll")
    assert made["version"]
    assert await api.ask("GET", made["id"]) == (200, made)
    status, changed = await api.ask("PATCH", made["id"], {"name": "throw"})
    assert (status, changed["id"], changed["name"], changed["description"]) == (
        200,
        made["id"],
        "throw",
        "Roll a die",
    )
    assert [one["name"] for one in (await api.ask("GET"))[1]] == ["throw"]
    assert (await api.ask("GET", made["id"]))[1]["name"] == "throw"
    assert await api.ask("DELETE", made["id"]) == (204, None)
    assert await api.ask("GET") == (200, [])


async def test_one_of_the_same_name_takes_the_place_of_the_other(api: Api) -> None:
    _, made = await api.ask("POST", body=ROLL)
    await api.ask("POST", body={**ROLL, "name": "other"})
    status, again = await api.ask("POST", body={**ROLL, "description": "Roll two"})
    assert (status, again["id"], again["description"]) == (200, made["id"], "Roll two")
    assert sorted(one["name"] for one in (await api.ask("GET"))[1]) == ["other", "roll"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_command_that_is_not_there(api: Api, method: str) -> None:
    status, body = await api.ask(method, "123", {} if method == "PATCH" else None)
    assert (status, body["code"]) == (404, 10063)


async def test_what_is_refused_in_a_list_is_refused_alone(api: Api) -> None:
    status, body = await api.ask("POST", body={**ROLL, "name": "Roll"})
    assert (status, body["code"]) == (400, 50035)
    assert await api.ask("GET") == (200, [])

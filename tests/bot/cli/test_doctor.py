"""`parley doctor` names what is wrong with a machine, with the way out, and no secret."""

import datetime
from pathlib import Path
from typing import NoReturn

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.call.last_room import remember
from bot.cli import doctor
from bot.config.load import Config, build, load
from bot.config.source import read_all
from bot.plugin_host.catalog import Catalog
from tests.bot.billing.records import record

TOKEN, KEY = "token-that-nobody-may-see", "vl_key-that-nobody-may-see"
CATALOG = Catalog.load()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("VALSEA_API_KEY", KEY)


def _config(folder: Path, text: str = "") -> Config:
    (folder / "config.yaml").write_text(text)
    return load(folder / "config.yaml", CATALOG.models)


async def _lines(config: Config) -> list[str]:
    return [str(line) async for line in doctor.examine(config, CATALOG)]


async def _discord(monkeypatch: pytest.MonkeyPatch, status: int, *, ahead: float = 0.0) -> TestServer:
    async def me(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bot {TOKEN}"
        now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ahead)
        return web.json_response(
            {"username": "Parley"}, status=status, headers={"Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        )

    async def gateway(_: web.Request) -> web.Response:
        return web.json_response({"session_start_limit": {"remaining": 7}})

    async def guilds(_: web.Request) -> web.Response:
        return web.json_response([{"id": str(number), "name": f"Server {number}"} for number in range(30)])

    async def application(_: web.Request) -> web.Response:
        return web.json_response({"bot_public": True})

    app = web.Application()
    app.add_routes([web.get("/users/@me", me), web.get("/gateway/bot", gateway)])
    app.add_routes([web.get("/users/@me/guilds", guilds), web.get("/applications/@me", application)])
    server = TestServer(app)
    await server.start_server()
    monkeypatch.setattr(doctor, "API", str(server.make_url("")).rstrip("/"))
    return server


async def test_all_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await _discord(monkeypatch, 200)
    lines = await _lines(_config(tmp_path, f"defaults: {{plugins: {{valsea: {{base_url: '{server.make_url('')}'}}}}}}"))
    await server.close()
    assert [line for line in lines if not line.startswith("ok")] == []
    assert any("Discord knows the bot as Parley" in line for line in lines)
    assert any("7 more logins" in line for line in lines)
    assert any("Valsea with the key in VALSEA_API_KEY" in line for line in lines)
    assert TOKEN not in str(lines)
    assert KEY not in str(lines)


@pytest.mark.parametrize("wanted", [2048, 1 << 30])
def test_what_a_socket_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    """The system gives less than what is asked for, and says nothing."""
    monkeypatch.setattr(doctor, "RECEIVE_BUFFER", wanted)
    (line,) = [line for line in doctor._machine(_config(tmp_path)) if "UDP" in line.text]
    assert line.good
    assert (f"net.core.rmem_max={wanted}" in line.text) == (wanted > 2048)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (200, "ok   Valsea with the key in VALSEA_API_KEY: the key is taken, and voicebot 'vb_1' has 2 pictures"),
        (401, "BAD  Valsea with the key in VALSEA_API_KEY: the key is refused; create one at the provider"),
        (404, "BAD  Valsea with the key in VALSEA_API_KEY: there is no voicebot 'vb_1'; its id stands at the provider"),
        (500, "ok   Valsea with the key in VALSEA_API_KEY: whether it knows voicebot 'vb_1' could not be asked"),
    ],
)
async def test_the_key_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, told: str) -> None:
    monkeypatch.setattr(doctor, "API", "http://127.0.0.1:9")

    async def library(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        body = (
            {"a": "https://example.com/a.png", "b": "https://example.com/b.png"} if status == 200 else {"detail": "no"}
        )
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.get("/v1/voicebot-livekit/voicebots/vb_1/image-mappings/library", library)])
    server = TestServer(app)
    await server.start_server()
    text = f"defaults: {{voicebot: vb_1, plugins: {{valsea: {{base_url: '{server.make_url('')}'}}}}}}"
    lines = await _lines(_config(tmp_path, text))
    await server.close()
    assert [line for line in lines if line.startswith(told)], lines
    assert KEY not in str(lines)


async def test_a_token_that_is_refused_and_a_wrong_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await _discord(monkeypatch, 401, ahead=120)
    lines = await _lines(_config(tmp_path))
    await server.close()
    assert any(line.startswith("BAD  Discord refuses the token in DISCORD_TOKEN") for line in lines)
    assert any("s ahead of Discord's: set it" in line for line in lines)


async def test_nothing_can_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "API", "http://127.0.0.1:9")
    lines = await _lines(_config(tmp_path, "defaults: {plugins: {valsea: {base_url: 'http://127.0.0.1:9'}}}"))
    assert any(line.startswith("BAD  Discord cannot be reached") for line in lines)
    assert any(line.startswith("BAD  Valsea with the key") and "cannot be reached" in line for line in lines)


async def test_secrets_that_are_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.delenv("VALSEA_API_KEY")
    lines = await _lines(_config(tmp_path))
    assert any(line.startswith("BAD  DISCORD_TOKEN is not set") for line in lines)
    assert f"BAD  {doctor.UNASKED}" in lines
    assert "BAD  VALSEA_API_KEY is not set: set it, as the README says" in lines


async def test_providers_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named in a server's own file, which is worth a word; the servers beside it have theirs."""
    monkeypatch.delenv("DISCORD_TOKEN")
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "7.yaml").write_text("provider: other\n")
    (tmp_path / "config.yaml").write_text("defaults: {plugins: {valsea: {base_url: 'http://127.0.0.1:9'}}}\n")
    lines = await _lines(build(read_all(tmp_path / "config.yaml"), CATALOG.models))
    own = tmp_path / "servers" / "7.yaml"
    assert f"BAD  {own}:1:1: servers.7.provider: 'other' is not installed; there are: valsea" in lines
    assert (
        f"BAD  {tmp_path}/config.yaml: the provider 'other' of server 7 is not there; there are: valsea: "
        "see `provider:`"
    ) in lines


async def test_a_provider_that_fails_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setitem(CATALOG.classes, "valsea", type("Fails", (CATALOG.classes["valsea"],), {"connect": fails}))
    lines = await _lines(_config(tmp_path))
    (line,) = [line for line in lines if "the provider 'valsea'" in line]
    assert line.startswith(f"BAD  {tmp_path}/config.yaml: the provider 'valsea' of servers that name no other fails: ")
    assert line.endswith("can see why in the log.")


async def test_sessions_that_are_open_and_a_ledger_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "API", "http://127.0.0.1:9")
    config = _config(tmp_path)
    ledger = await SqliteLedger.open(config.ledger_file)
    await ledger.record_intent(record("a1"))
    await ledger.record_opened("a1", "room", None, 1000.0)
    assert (await ledger.unsettled())[0].state is SessionState.OPEN
    await ledger.close()
    assert any("1 sessions are still open" in line for line in await _lines(config))
    config.ledger_file.write_bytes(b"scribble" * 1000)
    assert any("is not a database" in line for line in await _lines(config))


async def test_the_last_calls_room_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address comes with a session; a token in it is not kept."""
    monkeypatch.setattr(doctor, "API", "http://127.0.0.1:9")
    config = _config(tmp_path)
    assert any("LiveKit's address is not known before the first call" in line for line in await _lines(config))
    server = TestServer(web.Application())
    await server.start_server()
    remember(config.ledger_file, str(server.make_url("/rtc?token=secret")).replace("http", "ws"))
    assert "secret" not in config.ledger_file.with_suffix(".livekit").read_text()
    assert any(line.startswith("ok   LiveKit: http://127.0.0.1") and "answers" in line for line in await _lines(config))
    await server.close()
    assert any(line.startswith("BAD  LiveKit: ") and "cannot be reached" in line for line in await _lines(config))


async def test_a_servers_file_with_a_mistake_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "API", "http://127.0.0.1:9")
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "123.yaml").write_text("voicbot: x\n")
    file = tmp_path / "config.yaml"
    file.write_text("{}")
    lines = await _lines(build(read_all(file), CATALOG.models))
    assert any(line.startswith("BAD  ") and "123.yaml:1:1: servers.123.voicbot" in line for line in lines)


async def test_whose_calls_the_operator_pays_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await _discord(monkeypatch, 200)
    lines = await _lines(_config(tmp_path))
    (listed,) = [line for line in lines if "the bot is on 30 servers" in line]
    assert "Server 0 (0)" in listed
    assert "and 5 more" in listed
    assert any("switch Public Bot off" in line for line in lines)
    lines = await _lines(_config(tmp_path, "servers_allowed: [5, '7']"))
    assert any("calls begin on the 2 servers" in line for line in lines)
    assert not any("Public Bot" in line for line in lines)
    await server.close()


async def test_what_the_network_settings_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://old.example:1")
    lines = [str(line) for line in doctor._network(_config(tmp_path))]
    assert lines == ["BAD  https_proxy is ignored: set `network: proxy:` in the config instead"]
    config = _config(tmp_path, "network: {proxy: 'http://proxy.example:3128', connect_to: {a.example: '127.0.0.1:1'}}")
    lines = [str(line) for line in doctor._network(config)]
    assert all(line.startswith("ok") for line in lines)
    assert any("LiveKit's SDK has its own trust" in line for line in lines)
    assert any("proxy.example:3128; voice and WebRTC need UDP" in line for line in lines)


async def test_a_key_that_cannot_be_one_is_named_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALSEA_API_KEY", "vl_two words")
    monkeypatch.setenv("DISCORD_TOKEN", "two words")
    lines = await _lines(_config(tmp_path))
    assert any(line.startswith("BAD") and "VALSEA_API_KEY contains a space" in line for line in lines)
    assert any(line.startswith("BAD") and "DISCORD_TOKEN contains a space" in line for line in lines)
    assert "words" not in str(lines)

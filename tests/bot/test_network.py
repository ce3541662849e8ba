"""The host map, and the one more certificate authority."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from bot.config.load import load
from bot.config.model import NetworkSettings
from bot.network import Network, connector, httpx, take_over_environment, tls_context


async def test_mapped_hosts_go_elsewhere_and_keep_their_names() -> None:
    made = connector(NetworkSettings(connect_to={"*.discord.gg": "127.0.0.1:8443"}))
    try:
        resolver = made._resolver  # type: ignore[attr-defined]
        (found, *_) = await resolver.resolve("gateway.discord.gg", 443)
        assert (found["hostname"], found["host"], found["port"]) == ("gateway.discord.gg", "127.0.0.1", 8443)
        (other, *_) = await resolver.resolve("localhost", 443)
        assert other["port"] == 443
    finally:
        await made.close()


def test_one_more_authority_is_trusted(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    plain, more = tls_context(NetworkSettings()), tls_context(NetworkSettings(ca_file=str(file)))
    assert len(more.get_ca_certs()) == len(plain.get_ca_certs()) + 1
    assert more.verify_mode is ssl.CERT_REQUIRED


def test_a_missing_authority_is_an_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(NetworkSettings.model_construct(ca_file="/nowhere/ca.pem"))  # which has gone since it was checked


@pytest.mark.parametrize("target", ["[::1]:8443", "127.0.0.1:8443"])
async def test_either_kind_of_address_can_be_mapped_to(target: str) -> None:
    made = connector(NetworkSettings(connect_to={"discord.com": target}))
    try:
        (found, *_) = await made._resolver.resolve("discord.com", 443)  # type: ignore[attr-defined]
        assert (found["hostname"], found["port"]) == ("discord.com", 8443)
        assert found["host"] in ("::1", "127.0.0.1")
    finally:
        await made.close()


@pytest.mark.parametrize("target", ["::1:8443", "[::1:8443", "[::1]", "host", "host:0", "host:99999", ":1"])
def test_targets_that_are_none(target: str) -> None:
    with pytest.raises(ValueError, match="expected address:port"):
        NetworkSettings(connect_to={"discord.com": target})


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "http://10.0.0.1:8080", "http://[::1]:3128"])
def test_proxies(proxy: str) -> None:
    assert NetworkSettings(proxy=proxy).proxy == proxy


@pytest.mark.parametrize(
    "proxy",
    ["proxy:3128", "socks5://proxy:1080", "http://proxy", "http://u:p@proxy:1", "http://proxy:1/path", "http://:1"],
)
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ValueError, match="expected http://host:port"):
        NetworkSettings(proxy=proxy)


def test_the_setting_is_the_only_proxy_that_anything_in_the_process_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries read these variables each by rules of its own, or not at all."""
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "http://dead.example:1" if name != "NO_PROXY" else "fd00::/8")
    assert sorted(take_over_environment(NetworkSettings())) == ["ALL_PROXY", "HTTP_PROXY", "https_proxy"]
    assert not {name for name in os.environ if "proxy" in name.casefold()}
    take_over_environment(NetworkSettings(proxy="http://proxy.example:3128"))
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name)


async def test_a_providers_client_goes_where_the_map_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the host in its request; and it heeds no proxy of the environment."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "fd00::/8")  # which httpx cannot parse
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.host, request.path))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/v1/x", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    network = Network.of(NetworkSettings(connect_to={"api.valsea.example": f"127.0.0.1:{port}"}))
    async with network.http_client(base_url="http://api.valsea.example") as client:
        assert (await client.get("/v1/x")).status_code == 200
    assert asked == [("api.valsea.example", "/v1/x")]
    await runner.cleanup()


async def test_a_proxy_is_used_and_a_dead_one_is_an_error_before_anything_is_sent() -> None:
    network = Network.of(NetworkSettings(proxy="http://127.0.0.1:1"))
    async with network.http_client(base_url="https://api.valsea.example") as client:
        with pytest.raises((httpx.ConnectError, httpx.ProxyError)):
            await client.get("/")


def test_a_certificate_file_lies_beside_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "config.yaml").write_text("network: {ca_file: ca.pem}\n")
    monkeypatch.chdir("/")
    config = load(tmp_path / "config.yaml", {})
    assert config.host.network.ca_file == str(tmp_path / "ca.pem")
    tls_context(config.host.network)


def test_the_first_client_imports_nothing() -> None:
    """It is made on an event loop, where importing some sixty modules holds up everything else."""
    code = (
        "import sys; from bot.config.model import NetworkSettings; from bot.network import Network; "
        "network = Network.of(NetworkSettings()); before = set(sys.modules); network.http_client(); "
        "print(sorted(set(sys.modules) - before))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

"""The host map, and the one more certificate authority."""

import ssl
from pathlib import Path

import pytest
import trustme

from bot.config.model import NetworkSettings
from bot.network import connector, tls_context


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

"""Which addresses may be posted."""

import pytest

from bot.public_address import is_postable


@pytest.mark.parametrize(
    "url", ["https://images.valsea.example/a.png", "https://cdn.x.org/a?sig=1&e=2", "https://93.184.216.34/a.png"]
)
def test_public_addresses(url: str) -> None:
    assert is_postable(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://images.valsea.example/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://127.0.0.1/a.png",
        "https://10.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/a.png",
        "https://[::ffff:10.0.0.1]/a.png",
        "https://[fd00::1]/a.png",
        "https://2130706433/a.png",
        "https://0x7f000001/a.png",
        "https://localhost/a.png",
        "https://printer.local/a.png",
        "https://vault.internal/a.png",
        "https://intranet/a.png",
        "https://user:password@x.example/a.png",
        "https:///a.png",
        "https://[broken/a.png",
        "https://not an address.example/a.png",
        "https://x.example/" + "a" * 3000,
        "",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    assert not is_postable(url)

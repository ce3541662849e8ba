"""Which addresses may be posted."""

import pytest

from bot.public_address import is_postable, is_room_address


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
        "https://[64:ff9b::7f00:1]/a.png",
        "https://[64:ff9b:1::a00:1]/a.png",
        "https://[2002:7f00:1::]/a.png",
        "https://[fe80::1%25eth0]/a.png",
        "https://[ff02::1]/a.png",
        "https://x.example:abc/a.png",
        "https://x.example:/a.png",
        "https://x.example:0/a.png",
        "https://x.example:70000/a.png",
        "https://..example/a.png",
        "https://x..example/a.png",
        "https://-x.example/a.png",
        "https://x.example/a\x00.png",
        "https://x.example/a\tb.png",
        "https://x.example/%zz.png",
        "https://x.example/100%",
        "https://x.example\\@127.0.0.1/a.png",
        "https://@x.example/a.png",
        "https://0x7f.1/a.png",
        "https://127.1/a.png",
        "https://x.localhost/a.png",
        "https:x.example/a.png",
        "",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    assert not is_postable(url)


@pytest.mark.parametrize(
    ("url", "endpoint", "good"),
    [
        ("wss://rooms.example.com", "https://api.valsea.ai", True),
        ("wss://rooms.example.com:443/rtc?x=1", "https://api.valsea.ai", True),
        ("ws://rooms.example.com", "https://api.valsea.ai", False),
        ("https://rooms.example.com", "https://api.valsea.ai", False),
        ("ws://127.0.0.1:7880", "https://api.valsea.ai", False),
        ("wss://127.0.0.1", "https://api.valsea.ai", False),
        ("wss://[::1]", "https://api.valsea.ai", False),
        ("wss://[64:ff9b::7f00:1]", "https://api.valsea.ai", False),
        ("wss://169.254.169.254", "https://api.valsea.ai", False),
        ("wss://livekit.internal", "https://api.valsea.ai", False),
        ("wss://user:password@rooms.example.com", "https://api.valsea.ai", False),
        ("ws://127.0.0.1:7880", "http://127.0.0.1:8000", True),
        ("wss://livekit.internal", "https://valsea.internal", True),
        ("http://127.0.0.1:7880", "http://127.0.0.1:8000", False),
        ("ws://[broken", "http://127.0.0.1:8000", False),
        ("", "http://127.0.0.1:8000", False),
    ],
)
def test_a_room_is_joined_where_it_can_be(url: str, endpoint: str, good: bool) -> None:
    """An API on the internet has no rooms on this machine; one of the operator's own may."""
    assert is_room_address(url, endpoint) is good

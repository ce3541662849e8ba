"""From what a voicebot names to an address that may be posted.

The bot never fetches a picture: Discord's own media proxy does. Addresses that cannot be public are refused all the
same, so that nobody's internal names end up in a channel.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

MAX_URL = 2048  # characters; Discord's limit for an embed's image


def lookup(images: Mapping[str, str], key: str) -> str | None:
    """A picture's URL by key: as it is, then regardless of case."""
    if key in images:
        return images[key]
    folded = key.casefold()
    return next((url for name, url in images.items() if name.casefold() == folded), None)


def is_postable(url: str) -> bool:
    """Whether an address is one Discord could fetch: https, a public host, no login in it."""
    if len(url) > MAX_URL:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme != "https" or not host or parts.username or parts.password:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        named_inside = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
        looks_like_number = host.replace(".", "").isdigit() or host.startswith("0x")
        return "." in host and not named_inside and not looks_like_number
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global

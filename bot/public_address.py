"""Whether an address may be posted for Discord to fetch a picture from.

The bot never fetches a picture: Discord's own media proxy does. Addresses that cannot be public are refused all the
same, so that nobody's internal names end up in a channel.
"""

import ipaddress
from urllib.parse import urlsplit

MAX_URL = 2048  # characters; Discord's limit for an embed's image and icon


def is_postable(url: str) -> bool:
    """Whether an address is one Discord could fetch: https, a public host, no login in it."""
    if len(url) > MAX_URL or any(character.isspace() for character in url):
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

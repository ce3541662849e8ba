"""Whether an address that somebody else names may be used: posted for Discord to fetch, or joined as a room.

The bot never fetches a picture: Discord's own media proxy does. Addresses that cannot be public are refused all the
same, so that nobody's internal names end up in a channel, and Discord refuses a message for one that it cannot read.
"""

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URL = 2048  # characters; Discord's limit for an embed's image and icon
#: Of DNS, RFC 1123: letters, digits and hyphens between dots; the last label is no number.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE | re.ASCII)
#: An address as RFC 3986 has it: no blanks, and percent signs before two hexadecimal digits alone.
_WELL_FORMED = re.compile(r"(?:[^%\s\\^`{|}<>\"\x00-\x20\x7f]|%[0-9a-fA-F]{2})*+")
_INSIDE = ("localhost", "local", "internal", "home", "lan", "arpa", "invalid", "test", "onion")
#: Networks that lead to an IPv4 address in their last 32 bits, or in others: RFC 6052, 3056, 4380.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))


def is_postable(url: str) -> bool:
    """Return whether an address is one Discord could fetch: https, a public host, no login in it."""
    return _leads_to_public_host(url, "https")


def is_room_address(url: str, endpoint: str) -> bool:
    """Return whether a room's address may be joined: wss to a public host or, of an API that is itself not on the
    public internet (`endpoint` is its address), wherever that may be."""
    try:
        parts = urlsplit(url)
        host, api = parts.hostname, urlsplit(endpoint)
        named = bool(host) and (parts.port is None or parts.port > 0) and not (parts.username or parts.password)
    except ValueError:
        return False
    if named and not _is_public(api.hostname or ""):
        return parts.scheme in ("ws", "wss")
    return _leads_to_public_host(url, "wss")


def _leads_to_public_host(url: str, scheme: str) -> bool:
    if len(url) > MAX_URL or _WELL_FORMED.fullmatch(url) is None:  # parsing would drop some characters in silence
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme != scheme or not url.casefold().startswith(f"{scheme}://") or not host:
        return False
    if parts.username is not None or parts.password is not None or port == 0 or parts.netloc.endswith(":"):
        return False
    return _is_public(host)


def _is_public(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_public_name(host)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped.is_global
        if address.scope_id is not None or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _is_public_name(host: str) -> bool:
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        return False
    top = labels[-1].casefold()
    looks_like_number = top.isdigit() or top.startswith("0x")  # a browser reads 0x7f.1 as 127.0.0.1
    return not looks_like_number and top not in _INSIDE

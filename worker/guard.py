"""Addresses that somebody else gave us and that we must not ask.

A link-local address is where clouds answer questions about their machines, secrets
included. Whether an address can be fetched from at all is told in `replies`.
"""

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit


async def is_link_local(url: str) -> bool:
    """Whether the host of a web address is a link-local one, by name or by number.

    Raises:
        OSError: the name cannot be looked up.
        UnicodeError: it is no name.
    """
    host = urlsplit(url).hostname or ""
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    return any(_is_link_local(ip_address(each[4][0])) for each in found)


def _is_link_local(address: IPv4Address | IPv6Address) -> bool:
    # The same address of old in the clothes of the new.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_link_local

"""The address filter of every HTTP client: which hosts may be connected to.

Manifests, providers and file hosts name addresses, and none of them may make this
machine ask a cloud's metadata service, whatever a name resolves to and however a number
is spelt. The filter sits where a connection is made, so that the address that was
judged is the one that is connected to.
"""

import asyncio
import re
import socket
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import TCPConnector
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.connector import AddrInfoType

_Ip = IPv4Address | IPv6Address


class Standing(StrEnum):
    """What an address is to us."""

    OPEN = "open"  #: everybody can reach it, the provider too
    NEAR = "private"  #: loopback, private or reserved: the provider cannot reach it
    NEVER = "link-local"  #: a metadata service may sit there


class BarredError(OSError):
    """A connection that must not be made."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(f"it leads to a {standing} address, which is not asked")
        self.standing = standing


#: Services of clouds that tell secrets, outside of the link-local networks.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fd00:ec2::254", "fd20:ce::254"),
    )
)
_METADATA_NAMES = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog"),
        *("instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com"),
    }
)

_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))

#: Networks whose last four bytes are an IPv4 address.
_CARRIERS = tuple(
    IPv6Network(text)
    for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")
)

#: The middle of an address that tunnels over IPv4, and the bit in it that may vary.
_ISATAP = 0x0000_5EFE
_ISATAP_GLOBAL = 0x0200_0000

#: How `inet_aton`, and so most of the world, lets an IPv4 address be spelt.
_NUMBERS = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}")


def standing_of(ip: _Ip) -> Standing:
    """What an address is to us, also where it carries another one inside."""
    every = (ip, *_carried(ip))
    if any(
        one in _METADATA or any(one in network for network in _LINK_LOCAL)
        for one in every
    ):
        return Standing.NEVER
    # A mapped address is not global as such: what it carries is judged instead.
    mapped = isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None
    judged = every[1:] if mapped else every
    is_open = all(one.is_global and not one.is_multicast for one in judged)
    return Standing.OPEN if is_open else Standing.NEAR


def _carried(ip: _Ip) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to by translation or a tunnel."""
    if isinstance(ip, IPv4Address):
        return []
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    bits = int(ip)
    is_isatap = (bits >> 32) & ~_ISATAP_GLOBAL & 0xFFFF_FFFF == _ISATAP
    if is_isatap or any(ip in network for network in _CARRIERS):
        found.append(IPv4Address(bits & 0xFFFF_FFFF))
    return [one for one in found if one is not None]


# Thousands of pictures come from few hosts.
@lru_cache(maxsize=1_000)
def standing_of_host(host: str) -> Standing:
    """What a host is by its name or number alone; `OPEN` where only DNS could tell."""
    name = host.casefold().strip("[]").rstrip(".")
    if name in _METADATA_NAMES:
        return Standing.NEVER
    if name == "localhost" or name.endswith(".localhost"):
        return Standing.NEAR
    ip = _number(name)
    return Standing.OPEN if ip is None else standing_of(ip)


def _number(name: str) -> _Ip | None:
    # A scope such as `%eth0` says by which way, not to whom.
    with suppress(ValueError):
        return ip_address(name.partition("%")[0])
    with suppress(OSError):
        if _NUMBERS.fullmatch(name):
            return IPv4Address(socket.inet_aton(name))
    return None


class Guard:
    """Lets through whom this run may connect to."""

    def __init__(self, *, near_allowed: bool) -> None:
        self._passing = {Standing.OPEN, *([Standing.NEAR] if near_allowed else [])}

    def check_host(self, host: str) -> None:
        """Judge a host by its name or number alone.

        Raises:
            BarredError: it must not be asked.
        """
        self._pass(standing_of_host(host))

    def check_numbers(self, numbers: list[str]) -> list[str]:
        """Those of the addresses of one name that may be connected to.

        Raises:
            BarredError: one of them must never be, or none may be.
        """
        standings = {number: _standing_of_number(number) for number in numbers}
        if Standing.NEVER in standings.values():
            raise BarredError(Standing.NEVER)
        passing = [n for n in numbers if standings[n] in self._passing]
        if numbers and not passing:
            raise BarredError(Standing.NEAR)
        return passing

    async def check_name(self, host: str) -> None:
        """Judge what a host resolves to here, where a proxy will resolve it again.

        A name that only the proxy knows is left to it.

        Raises:
            BarredError: it must not be asked.
        """
        self.check_host(host)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            return
        self.check_numbers([str(one[4][0]) for one in found])

    def socket(self, info: "AddrInfoType") -> socket.socket:
        """A socket for a connection: the last gate, which every connection passes.

        Raises:
            BarredError: the connection must not be made.
        """
        family, kind, protocol, _, place = info
        self._pass(_standing_of_number(str(place[0])))
        return socket.socket(family=family, type=kind, proto=protocol)

    def _pass(self, standing: Standing) -> None:
        if standing not in self._passing:
            raise BarredError(standing)


def _standing_of_number(number: str) -> Standing:
    ip = _number(number)
    # What is no number here was not resolved: nobody can say where it leads.
    return Standing.NEVER if ip is None else standing_of(ip)


class GuardedResolver:
    """Judges what names resolve to, so that DNS opens no back door."""

    def __init__(self, guard: Guard, below: "AbstractResolver") -> None:
        self._guard = guard
        self._below = below

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> "list[ResolveResult]":
        """The addresses of a name that may be connected to.

        Raises:
            BarredError: they must not be.
        """
        found = await self._below.resolve(host, port, family)
        passing = set(self._guard.check_numbers([one["host"] for one in found]))
        return [one for one in found if one["host"] in passing]

    async def close(self) -> None:
        """Let go of what it resolves with."""
        await self._below.close()


def connector(
    guard: Guard | None, most: int, *, believed_s: int = 10
) -> "TCPConnector":
    """What connects an aiohttp session, and only to whom the guard lets through.

    Args:
        guard: None lets through everybody: on the way to a proxy, which may be near.
        most: connections at once.
        believed_s: seconds that an answer of DNS is believed.
    """
    # Only here: commands that ask nobody start without it, 0.15 s earlier.
    from aiohttp import TCPConnector, ThreadedResolver  # noqa: PLC0415 - see above

    if guard is None:
        return TCPConnector(limit=most)
    resolver = cast("AbstractResolver", GuardedResolver(guard, ThreadedResolver()))
    return TCPConnector(
        limit=most,
        ttl_dns_cache=believed_s,
        resolver=resolver,
        # Numbers are not resolved: this sees each address that is connected to.
        socket_factory=guard.socket,
    )


def barred_by(error: BaseException | None) -> BarredError | None:
    """The guard's word, if it is what is behind an error."""
    while error is not None:
        for one in (error, getattr(error, "os_error", None)):
            if isinstance(one, BarredError):
                return one
        error = error.__cause__
    return None


def near_allowed_for(base_url: str) -> bool:
    """True if the provider itself is on a loopback or private address.

    Then it can reach pictures on such addresses too, as the sandbox can.

    Raises:
        OSError: its name cannot be looked up.
    """
    try:
        host = urlsplit(base_url).hostname
        if not host:
            return False
        if (standing := standing_of_host(host)) is not Standing.OPEN:
            return standing is Standing.NEAR
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except ValueError:
        return False
    standings = {_standing_of_number(str(one[4][0])) for one in found}
    return standings == {Standing.NEAR}

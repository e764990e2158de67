"""Metadata services are never asked, however they are spelt; private hosts by leave."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aiohttp import ThreadedResolver
from hypothesis import given
from hypothesis import strategies as st

from jobs.net import (
    BarredError,
    Guard,
    GuardedResolver,
    Standing,
    near_allowed_for,
    standing_of,
    standing_of_host,
)

OPEN = ["8.8.8.8", "example.com", "2606:4700::1111", "64:ff9b::808:808", "134744072"]
NEAR = [
    *("127.0.0.1", "localhost", "shop.localhost.", "::1", "10.1.2.3", "192.168.0.9"),
    *("172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "fd00::1", "0x7f.1"),  # noqa: S104 - an address to judge
    *("2130706433", "017700000001", "127.1", "[::1]", "::ffff:10.0.0.1", "::"),
]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"),
    *("100.100.100.200", "168.63.129.16", "0xA9FEA9FE", "2852039166", "169.254.43518"),
    *("0251.0376.0251.0376", "[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe"),
    *("2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"),
    *(
        "2001:db8::5efe:a9fe:a9fe",
        "metadata.google.internal",
        "METADATA.google.internal.",
    ),
    *("metadata", "instance-data"),
]


@pytest.mark.parametrize("host", OPEN)
def test_what_everybody_can_reach_is_open(host: str) -> None:
    assert standing_of_host(host) is Standing.OPEN


@pytest.mark.parametrize("host", NEAR)
def test_what_only_we_can_reach_is_near(host: str) -> None:
    assert standing_of_host(host) is Standing.NEAR


@pytest.mark.parametrize("host", NEVER)
def test_where_a_metadata_service_may_be_is_never_asked(host: str) -> None:
    assert standing_of_host(host) is Standing.NEVER
    with pytest.raises(BarredError):
        Guard(near_allowed=True).check_host(host)


@given(st.integers(0, 0xFFFF), st.integers(0, 2**64 - 1))
def test_no_wrapping_hides_a_link_local_address(low: int, other: int) -> None:
    v4 = 0xA9FE_0000 | low
    prefix = int(IPv6Address("64:ff9b::"))
    wrapped: list[IPv4Address | IPv6Address] = [
        IPv4Address(v4),
        IPv6Address(0xFFFF << 32 | v4),
        IPv6Address(v4),
        IPv6Address(prefix | v4),
        IPv6Address(0x2002 << 112 | v4 << 80 | other),
        IPv6Address(0xFE80 << 112 | other),
    ]
    assert {standing_of(ip) for ip in wrapped} == {Standing.NEVER}


def test_a_name_that_leads_anywhere_near_is_asked_elsewhere_only() -> None:
    guard = Guard(near_allowed=False)
    assert guard.check_numbers(["10.0.0.1", "8.8.8.8"]) == ["8.8.8.8"]
    with pytest.raises(BarredError, match="private"):
        guard.check_numbers(["10.0.0.1", "127.0.0.1"])
    with pytest.raises(BarredError, match="link-local"):
        guard.check_numbers(["8.8.8.8", "169.254.169.254"])


def test_no_socket_is_made_for_what_is_barred() -> None:
    def info(number: str) -> tuple[int, int, int, str, tuple[str, int]]:
        return socket.AF_INET, socket.SOCK_STREAM, 0, "", (number, 80)

    guard = Guard(near_allowed=False)
    for number in ("169.254.169.254", "127.0.0.1", "no number"):
        with pytest.raises(BarredError):
            guard.socket(info(number))
    guard.socket(info("8.8.8.8")).close()


def test_names_are_judged_by_what_they_resolve_to() -> None:
    async def resolve(*, near_allowed: bool) -> list[str]:
        guard = Guard(near_allowed=near_allowed)
        resolver = GuardedResolver(guard, ThreadedResolver())
        found = await resolver.resolve("localhost", 80)
        return [one["host"] for one in found]

    found = asyncio.run(resolve(near_allowed=True))
    assert all(ip_address(number).is_loopback for number in found)
    with pytest.raises(BarredError, match="private"):
        asyncio.run(resolve(near_allowed=False))


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("http://127.0.0.1:8900", True),
        ("http://localhost:8900", True),
        ("http://[::1]:8900/", True),
        ("http://10.0.0.7", True),
        ("https://8.8.8.8", False),
        ("http://169.254.169.254", False),
        ("http://metadata.google.internal", False),
        ("nonsense", False),
        ("http://[", False),
    ],
)
def test_near_pictures_are_allowed_where_the_provider_is_near(
    base_url: str, *, allowed: bool
) -> None:
    assert near_allowed_for(base_url) is allowed

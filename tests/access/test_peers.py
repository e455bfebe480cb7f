"""Whose address counts when proxies stand in between."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from claude_gateway.access.peers import client, is_proxy, neighbourhood

TRUSTED = [ip_network(text) for text in ("10.0.0.0/8", "127.0.0.1/32", "fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7", "10.0.0.3,10.0.0.2"], "203.0.113.7"),
        ("fd00::1", ["2001:DB8:0::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.7,,"], "203.0.113.7"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),  # a client of the same network
        ("10.0.0.1", [], "10.0.0.1"),
        ("fe80::1%eth0", [], "fe80::1"),
    ],
)
def test_the_nearest_stranger_is_the_client(peer: str, forwarded: list[str], address: str) -> None:
    assert client(peer, forwarded, TRUSTED) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", ["127.0.0.1"], "203.0.113.7"),  # nobody believes a stranger
        ("10.0.0.1", ["127.0.0.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["127.0.0.1", "203.0.113.7"], "203.0.113.7"),  # a header of one's own
        ("10.0.0.1", ["203.0.113.7, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1, garbage, 203.0.113.7"], "203.0.113.7"),
        ("::ffff:203.0.113.7", ["127.0.0.1"], "203.0.113.7"),
    ],
)
def test_s2_what_a_stranger_says_of_itself_is_not_believed(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert client(peer, forwarded, TRUSTED) == address


@pytest.mark.parametrize(
    "said",
    [
        *("unknown", "_hidden", "localhost", "999.1.1.1", "1.2.3", "2130706433", "0x7f.1"),
        *("127.0.0.1/8", "[::1", "::1]:80", "127.0.0.1:", "127.0.0.1:999999", "ü", "1" * 5000),
        *("[[::1]]", "010.0.0.1", "for=127.0.0.1", '"127.0.0.1"', "127.0.0.1\t;", "[]:1"),
    ],
)
def test_s2_of_a_proxy_that_says_what_is_no_address_its_own_counts(said: str) -> None:
    assert client("10.0.0.1", [f"127.0.0.1, {said}"], TRUSTED) == "10.0.0.1"
    assert client("10.0.0.1", [f"127.0.0.1,{said},10.0.0.2"], TRUSTED) == "10.0.0.2"


def test_without_an_address_there_is_nothing_to_find_out() -> None:
    assert client(None, ["127.0.0.1"], TRUSTED) is None
    assert client("/run/socket", ["127.0.0.1"], TRUSTED) == "/run/socket"


def test_many_hops_are_all_walked() -> None:
    hops = ",".join(["203.0.113.7", *(f"10.0.{i >> 8}.{i & 255}" for i in range(5000))])
    assert client("10.0.0.1", [hops], TRUSTED) == "203.0.113.7"


def test_a_proxy_is_known_by_its_address_alone() -> None:
    assert is_proxy("10.1.2.3", TRUSTED)
    assert is_proxy("::ffff:127.0.0.1", TRUSTED)
    assert not is_proxy("127.0.0.2", TRUSTED)
    assert not is_proxy("10.1.2.3", ())
    assert not is_proxy(None, TRUSTED)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
    ],
)
def test_of_ipv6_a_whole_network_is_counted_as_one(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as

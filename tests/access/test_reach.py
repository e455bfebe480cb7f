"""Addresses that the gateway may connect to because a client said so."""

from __future__ import annotations

import ipaddress

import pytest

from claude_gateway.access.reach import Reach
from claude_gateway.defaults.private_networks import PRIVATE
from claude_gateway.settings import Network

USUAL = Reach(PRIVATE, ())


def net(text: str) -> Network:
    return ipaddress.ip_network(text)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::1%lo",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001::1",
        "2001:0:7f00:1::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "",
    ],
)
def test_s7_what_only_this_machine_or_its_network_can_reach_is_out_of_reach(address: str) -> None:
    assert not USUAL.allows("example.org", address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ],
)
def test_the_internet_is_in_reach(address: str) -> None:
    assert USUAL.allows("example.org", address)


def test_s7_a_network_that_is_allowed_is_allowed_however_it_is_written() -> None:
    reach = Reach(PRIVATE, (net("192.168.1.0/24"), net("127.0.0.1/32"), net("fd00::/64")))
    for address in ("192.168.1.7", "::ffff:192.168.1.7", "64:ff9b::192.168.1.7", "fd00::7"):
        assert reach.allows("nas.local", address)
    for address in ("192.168.2.7", "127.0.0.2", "::1", "fd00:0:0:1::7", "2002:c0a8:107::"):
        assert not reach.allows("nas.local", address)


def test_s7_a_host_that_is_allowed_is_allowed_by_its_whole_name_only() -> None:
    reach = Reach(PRIVATE, ("nas.local",))
    for host in ("nas.local", "NAS.local", "nas.local."):
        assert reach.allows(host, "192.168.1.7")
    for host in ("xnas.local", "a.nas.local", "nas.local.evil.example", "192.168.1.7", ""):
        assert not reach.allows(host, "192.168.1.7")


def test_s7_the_list_of_what_is_denied_is_the_operators() -> None:
    nothing_but = Reach((net("0.0.0.0/0"), net("::/0")), (net("192.0.2.0/24"),))
    assert nothing_but.allows("a", "192.0.2.1")
    assert not nothing_but.allows("a", "8.8.8.8")
    assert not nothing_but.allows("a", "2606:4700::1111")
    assert Reach((), ()).allows("a", "100.64.0.1")

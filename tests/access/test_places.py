"""Hosts, origins and addresses: which of them mean this very machine."""

from __future__ import annotations

import pytest

from claude_gateway.access import places


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("localhost:4000", "localhost"),
        ("LocalHost:80", "localhost"),
        ("localhost.", "localhost"),
        ("localhost.:80", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:99999", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:8000", "::1"),
        ("[::FFFF:127.0.0.1]:1", "::ffff:127.0.0.1"),
        ("my_box.local", "my_box.local"),
        ("a-b.c-d.example:1", "a-b.c-d.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_a_name_with_or_without_port(header: str, name: str) -> None:
    assert places.host_name(header) == name


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ":80",
        ".",
        "localhost..",
        ".localhost",
        "localhost:",
        "localhost:x",
        "localhost:-1",
        "localhost:123456",
        "localhost:80:80",
        "localhost:٨٠",
        "localhost:4000/#@x",
        "localhost/",
        "localhost#",
        "localhost?x",
        "localhost\\x",
        "user@localhost",
        "user:pass@localhost",
        "localhost@evil.example",
        "local host",
        "localhost\n",
        "localhost, evil.example",
        "http://localhost",
        "lοcalhost",  # a Greek omicron  # noqa: RUF001
        "ｌocalhost",  # noqa: RUF001
        "bücher.example",
        "-a",
        "a-",
        "*",
        "::1",
        "[::1",
        "[]",
        "[::1]x",
        "[fe80::1%eth0]",
        "%6cocalhost",
    ],
)
def test_s2_what_is_no_host_is_none(header: str) -> None:
    assert places.host_name(header) is None


@pytest.mark.parametrize(
    "name", ["localhost", "app.localhost", "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
)
def test_loopback_names_mean_this_machine(name: str) -> None:
    assert places.is_loopback_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost.evil.example",
        "evillocalhost",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "::",
        "128.0.0.1",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
    ],
)
def test_s5_other_names_do_not(name: str) -> None:
    assert not places.is_loopback_name(name)


@pytest.mark.parametrize(
    ("address", "loopback"), [("::1%lo", True), ("fe80::1%eth0", False), ("localhost", False)]
)
def test_a_peer_is_judged_by_its_address(address: str, loopback: object) -> None:
    assert places.is_loopback_address(address) is loopback


@pytest.mark.parametrize(
    ("name", "is_address"),
    [("192.168.1.2", True), ("::1", True), ("localhost", False), ("1.2.3", False), ("", False)],
)
def test_an_address_needs_no_name(name: str, is_address: object) -> None:
    assert places.is_address(name) is is_address


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "https://localhost:3000",
        "HTTP://LOCALHOST:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:5173",
        "http://app.localhost",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "app://obsidian.md",
    ],
)
def test_pages_of_this_machine_and_apps_are_local(origin: str) -> None:
    assert places.is_local_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "localhost",
        "//localhost",
        "file://",
        "file://localhost",
        "ftp://localhost",
        "http://",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://evil.example@localhost",
        "http://localhost:80/#@x",
        "http://localhost/",
        "http://localhost\\.evil.example",
        "http://localhost evil",
        "http://192.168.1.2",
        "http://0.0.0.0:8000",
        "chrome-extension://abcdef",
        "capacitor:localhost",
    ],
)
def test_s5_foreign_pages_are_not(origin: str) -> None:
    assert not places.is_local_origin(origin)


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""


def test_the_default_gateway_is_read_from_the_route_table() -> None:
    assert places.default_gateway(ROUTES) == "172.17.0.1"


@pytest.mark.parametrize(
    "table",
    ["", "Iface Destination", ROUTES.replace("0003", "0001"), "head\nshort\n", "head\n\n"],
    ids=["empty", "head", "no gateway", "short", "blank"],
)
def test_without_a_default_route_there_is_no_gateway(table: str) -> None:
    assert places.default_gateway(table) is None

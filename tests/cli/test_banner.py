"""The banner says where it listens, what answers, who may come in, and how to try it."""

from __future__ import annotations

import socket

import pytest

from claude_gateway import Settings, __version__
from claude_gateway.cli import banner as module
from claude_gateway.cli.banner import banner
from claude_gateway.defaults import settings as names

CLAUDE = {"anthropic": 12}
MOCK = {"mock": 15}
KEY = {"ANTHROPIC_API_KEY": "sk-ant-CANARY"}
KEYS = {"GATEWAY_API_KEYS": "gw-CANARY"}
LAN = {"GATEWAY_HOST": "0.0.0.0"}


def shown(backends: dict[str, int], **environment: str) -> str:
    text = banner(Settings.read(environment, names.ALL), 8000, backends)
    assert "CANARY" not in text
    return text


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "addresses", lambda: ["192.168.1.5"])


@pytest.mark.parametrize(
    ("host", "listening", "here"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost", "localhost"),
        ("::1", "[::1]", "[::1]"),
        ("0.0.0.0", "0.0.0.0", "127.0.0.1"),
        ("::", "[::]", "[::1]"),
        ("192.168.1.9", "192.168.1.9", "192.168.1.9"),
    ],
)
def test_it_says_where_it_listens_and_how_to_try_it(host: str, listening: str, here: str) -> None:
    lines = shown(CLAUDE, GATEWAY_HOST=host).splitlines()
    assert lines[0] == f"claude-gateway {__version__} listening on http://{listening}:8000"
    assert f"  curl -N http://{here}:8000/v1/chat/completions \\" in lines


def test_on_loopback_no_network_is_mentioned() -> None:
    assert "network" not in shown(CLAUDE, **KEY)


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(
    ("keys", "key"),
    [
        (KEYS, "one of GATEWAY_API_KEYS"),
        (KEY, "your Anthropic key"),
        ({"ANTHROPIC_API_KEYS": "sk-ant-CANARY"}, "your Anthropic key"),
        ({"ANTHROPIC_AUTH_TOKEN": "CANARY-token"}, "the gateway's ANTHROPIC_AUTH_TOKEN"),
        ({**KEY, "GATEWAY_AUTH": "open"}, "none, leave it empty"),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_on_a_network_it_says_what_to_enter_on_a_phone(
    keys: dict[str, str], key: str, host: str
) -> None:
    text = shown(CLAUDE, GATEWAY_HOST=host, **keys)
    assert f"on a phone enter  Base URL: http://192.168.1.5:8000  API Key: {key}\n" in text


def test_on_one_address_it_is_that_one() -> None:
    assert "Base URL: http://[fd00::5]:8000 " in shown(CLAUDE, GATEWAY_HOST="fd00::5", **KEYS)


@pytest.mark.usefixtures("at_home")
def test_with_a_certificate_it_is_https_everywhere() -> None:
    text = shown(CLAUDE, GATEWAY_TLS_CERT="gateway.pem", **LAN)
    assert "listening on https://0.0.0.0:8000" in text
    assert "Base URL: https://192.168.1.5:8000 " in text
    assert "http://" not in text


def test_in_a_container_its_own_address_is_of_no_use() -> None:
    assert "phone" not in shown(CLAUDE, GATEWAY_PUBLISHED_ON="127.0.0.1", **LAN)


@pytest.mark.parametrize(
    ("mode", "words", "keyed"),
    [
        ("local", "this machine needs no key", False),
        ("required", "everybody needs a key", True),
        ("open", "NOBODY NEEDS A KEY", False),
    ],
)
def test_it_says_who_may_come_in(mode: str, words: str, keyed: bool) -> None:
    text = shown(CLAUDE, GATEWAY_AUTH=mode)
    assert words in text
    assert ("Authorization: Bearer YOUR_KEY" in text) is keyed


def test_it_says_what_answers() -> None:
    assert "backends   anthropic (12 models), mock (1 models)" in shown(
        {**CLAUDE, "mock": 1}, **KEY
    )
    assert "none: install a plugin that brings one" in shown({})


@pytest.mark.parametrize(
    ("backends", "environment", "demo"),
    [
        (MOCK, {}, True),
        (CLAUDE, KEY, False),
        ({**CLAUDE, **MOCK}, KEY, False),
        ({**CLAUDE, **MOCK}, {"ANTHROPIC_API_KEYS": "sk-ant-CANARY"}, False),
        ({**CLAUDE, **MOCK}, {"ANTHROPIC_AUTH_TOKEN": "CANARY"}, False),
        ({**CLAUDE, **MOCK}, {"GATEWAY_BYOK": "true"}, False),
        ({}, {}, False),
    ],
    ids=["demo", "claude", "both", "keys", "token", "callers' keys", "nothing"],
)
def test_canned_answers_are_announced(
    backends: dict[str, int], environment: dict[str, str], demo: bool
) -> None:
    assert ("*** DEMO MODE" in shown(backends, **environment)) is demo


def test_this_machine_has_an_address_or_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (address,) = module.addresses()
    assert address

    class NoRoute(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", NoRoute)
    assert module.addresses() == [socket.gethostname()]

from __future__ import annotations

import pytest
from claude_gateway_anthropic import plugin
from claude_gateway_anthropic.settings import account

from claude_gateway import Secret, Setting, Settings

API_KEY = Setting("ANTHROPIC_API_KEY", Secret, Secret(""), "")
NO_KEYS: tuple[Secret, ...] = ()
API_KEYS = Setting(
    "ANTHROPIC_API_KEYS", lambda raw: tuple(Secret(key) for key in raw.split(",")), NO_KEYS, ""
)
AUTH_TOKEN = Setting("ANTHROPIC_AUTH_TOKEN", Secret, Secret(""), "")
BYOK = Setting("GATEWAY_BYOK", "true".__eq__, False, "")


def settings(**environment: str) -> Settings:
    core: list[Setting[object]] = [API_KEY, API_KEYS, AUTH_TOKEN, BYOK]
    return Settings.read(environment, [*core, *plugin.register_settings()])


@pytest.mark.parametrize(
    ("environment", "backends", "authenticators"),
    [
        ({}, [], []),
        ({"ANTHROPIC_TRANSPORT": "sdk"}, [], []),
        ({"ANTHROPIC_API_KEY": "k"}, ["anthropic"], []),
        ({"ANTHROPIC_API_KEYS": "k,l"}, ["anthropic"], []),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, ["anthropic"], []),
        ({"GATEWAY_BYOK": "true"}, ["anthropic"], ["bring-your-own-key"]),
        ({"GATEWAY_BYOK": "false"}, [], []),
    ],
)
def test_it_offers_what_can_be_paid_for(
    environment: dict[str, str], backends: list[str], authenticators: list[str]
) -> None:
    given = settings(**environment)
    assert [offer.name for offer in plugin.register_model_backends(given)] == backends
    assert [offer.name for offer in plugin.register_authenticators(given)] == authenticators


@pytest.mark.parametrize(
    ("environment", "keys"),
    [
        ({"ANTHROPIC_API_KEY": "a", "ANTHROPIC_API_KEYS": "b,a,c"}, ["a", "b", "c"]),
        ({"ANTHROPIC_API_KEYS": "b,c,b"}, ["b", "c"]),
        ({"ANTHROPIC_API_KEY": "a"}, ["a"]),
        ({}, [""]),
    ],
)
def test_all_keys_are_one_list_without_repetitions(
    environment: dict[str, str], keys: list[str]
) -> None:
    ours = account(settings(**environment))
    assert [key.reveal() for key in (ours.api_key, *ours.more_keys)] == keys
    assert "more_keys" not in repr(ours)


def test_without_settings_everything_has_its_default() -> None:
    ours = account(settings())
    assert (ours.base_url, ours.version, ours.transport) == (
        "https://api.anthropic.com",
        "2023-06-01",
        "lean",
    )
    assert (ours.connect_timeout, ours.timeout, ours.betas) == (10, 600, "")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("https://proxy.example/anthropic/", "https://proxy.example/anthropic"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_a_url_loses_its_last_slash(raw: str, value: str) -> None:
    assert account(settings(ANTHROPIC_BASE_URL=raw)).base_url == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ANTHROPIC_BASE_URL", "api.anthropic.com"),
        ("ANTHROPIC_BASE_URL", "ftp://x"),
        ("ANTHROPIC_BASE_URL", "https://user:word@x"),
        ("ANTHROPIC_BASE_URL", "https://x?a=b"),
        ("ANTHROPIC_BASE_URL", "https://x/\r\nHost: y"),
        ("ANTHROPIC_VERSION", "latest"),
        ("ANTHROPIC_TIMEOUT", "0"),
        ("ANTHROPIC_TIMEOUT", "nan"),
        ("ANTHROPIC_TIMEOUT", "long"),
        ("ANTHROPIC_CONNECT_TIMEOUT", "-1"),
        ("ANTHROPIC_TRANSPORT", "carrier-pigeon"),
    ],
)
def test_settings_that_are_wrong_are_named(name: str, raw: str) -> None:
    with pytest.raises(Exception, match=name):
        settings(**{name: raw})

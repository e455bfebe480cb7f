"""Settings that are dangerous or useless together stop the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from claude_gateway.cli.reach import check_reach
from claude_gateway.cli.start import check_together, prepare, strangers
from claude_gateway.defaults import settings as names
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.settings import Settings

HERE = {"GATEWAY_HOST": "127.0.0.1"}
LAN = {"GATEWAY_HOST": "0.0.0.0"}
PUBLISHED_HERE = {**LAN, "GATEWAY_PUBLISHED_ON": "127.0.0.1"}
PUBLISHED = {**LAN, "GATEWAY_PUBLISHED_ON": "0.0.0.0"}
KEY = {"GATEWAY_API_KEYS": "gw-one"}
OPEN = {"GATEWAY_AUTH": "open"}
FORCED = {**OPEN, "GATEWAY_AUTH_OPEN_FORCE": "true"}


def mistakes(environment: dict[str, str], *, issued: bool = False) -> list[str]:
    settings = Settings.read(environment, names.ALL)
    try:
        check_together(settings)
        check_reach(settings, lambda: issued)
    except SettingsError as exc:
        return exc.mistakes
    return []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        HERE,
        {"GATEWAY_HOST": "::1"},
        {"GATEWAY_HOST": "localhost"},
        {**HERE, **OPEN},
        {**HERE, "GATEWAY_AUTH": "required"},
        {**LAN, **KEY},
        {**LAN, **KEY, "GATEWAY_AUTH": "required"},
        {**LAN, "ANTHROPIC_API_KEY": "sk-ant-x"},
        {**LAN, "ANTHROPIC_API_KEYS": "sk-ant-x,sk-ant-y"},
        {**LAN, "ANTHROPIC_AUTH_TOKEN": "t"},
        {**LAN, "GATEWAY_BYOK": "true"},
        {**LAN, **FORCED},
        PUBLISHED_HERE,
        {**PUBLISHED_HERE, **OPEN},
        {**PUBLISHED, **KEY},
    ],
    ids=str,
)
def test_what_cannot_harm_is_fine(environment: dict[str, str]) -> None:
    assert mistakes(environment) == []


@pytest.mark.parametrize("where", [LAN, PUBLISHED, {"GATEWAY_HOST": "::"}, {"GATEWAY_HOST": "mac"}])
def test_s10_an_address_that_others_reach_needs_a_key_or_a_decision(where: dict[str, str]) -> None:
    (mistake,) = mistakes(where)
    assert "keys create, set GATEWAY_API_KEYS, or listen on 127.0.0.1" in mistake
    assert mistakes(where, issued=True) == []
    for more in (OPEN, {**OPEN, **KEY}):
        (mistake,) = mistakes({**where, **more})
        assert "GATEWAY_AUTH_OPEN_FORCE=true" in mistake


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://localhost:8000", ""), ("http://[::1]:9/x", "9"), ("https://127.0.0.1", "443")],
)
def test_a_gateway_that_would_ask_itself_does_not_start(folder: Path, url: str, port: str) -> None:
    os.environ |= {"ANTHROPIC_BASE_URL": url, "PORT": port}
    with pytest.raises(SettingsError, match=r"^ANTHROPIC_BASE_URL leads back to this gateway"):
        prepare({})


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8001", "http://localhost", "http://other:8000", "http://localhost:80000"],
)
def test_another_gateway_may_be_upstream(folder: Path, url: str) -> None:
    os.environ |= {"ANTHROPIC_BASE_URL": url}
    settings, _ = prepare({})
    assert url in [settings[setting] for setting in settings]


def test_flags_and_plugins_are_prepared_together(folder: Path) -> None:
    os.environ["PORT"] = "1"
    settings, plugins = prepare({"PORT": "2", "GATEWAY_HOST": None})
    assert settings[names.PORT] == 2
    assert {d.name for d in plugins.describe()} >= {"defaults"}


def test_plugins_are_blocked_and_allowed_by_settings(folder: Path) -> None:
    os.environ["GATEWAY_PLUGINS_ALLOW"] = "mock"
    _, plugins = prepare({})
    assert {d.name for d in plugins.describe() if d.status == "loaded"} == {"defaults", "mock"}
    os.environ["GATEWAY_PLUGINS_BLOCK"] = "mokc"
    with pytest.raises(PluginError, match="mokc"):
        prepare({})


def test_all_mistakes_of_core_and_plugins_are_told_together(folder: Path) -> None:
    os.environ |= {"PORT": "x", "MOCK_DELAY_MS": "y"}
    with pytest.raises(SettingsError) as caught:
        prepare({})
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "PORT",
        "MOCK_DELAY_MS",
    ]


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("GATEWAY_API_KEY", "did you mean GATEWAY_API_KEYS?"),
        ("ANTHROPIC_API_KEYY", "did you mean ANTHROPIC_API_KEY?"),
        ("GATEWAY_WONDERS", "GATEWAY_WONDERS is no setting of this gateway"),
    ],
)
def test_a_name_that_sets_nothing_is_remarked_on(name: str, remark: str) -> None:
    (said,) = strangers({name: "x"}, ["GATEWAY_API_KEYS", "ANTHROPIC_API_KEY", "PORT"])
    assert remark in said


@pytest.mark.parametrize("name", ["GATEWAY_API_KEYS", "GATEWAY_PUBLISH", "ANTHROPIC_MODEL", "PATH"])
def test_other_names_are_nobodys_business(name: str) -> None:
    assert strangers({name: "x"}, ["GATEWAY_API_KEYS", "ANTHROPIC_API_KEY"]) == []

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from claude_gateway_mock import MOCK, MockBackend, plugin

from claude_gateway import ModelBackend, Setting, Settings, shipped_models

API_KEY = Setting("ANTHROPIC_API_KEY", str, "", "")
API_KEYS = Setting("ANTHROPIC_API_KEYS", str, "", "")
AUTH_TOKEN = Setting("ANTHROPIC_AUTH_TOKEN", str, "", "")
BYOK = Setting("GATEWAY_BYOK", {"true": True, "false": False}.__getitem__, False, "")

CORE: tuple[Setting[object], ...] = (API_KEY, API_KEYS, AUTH_TOKEN, BYOK)


def settings(**environment: str) -> Settings:
    return Settings.read(environment, [*CORE, *plugin.register_settings()])


async def opened(environment: Mapping[str, str]) -> ModelBackend | None:
    """The backend that is offered, if one is; it needs no closing."""
    offers = plugin.register_model_backends(settings(**environment))
    assert [offer.name for offer in offers] in ([], ["mock"])
    return await offers[0].open().__aenter__() if offers else None


async def test_without_a_credential_it_serves_every_model() -> None:
    backend = await opened({})
    assert isinstance(backend, MockBackend)
    assert list(backend.models) == [*shipped_models(), MOCK]
    assert backend.serves("claude-of-the-future")
    assert backend.serves("mock-anything")
    assert not backend.serves("gpt-4")


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS", "ANTHROPIC_AUTH_TOKEN"]
)
async def test_with_a_credential_it_offers_nothing(name: str) -> None:
    assert await opened({name: "sk-ant-x"}) is None


async def test_when_callers_bring_their_own_key_it_offers_nothing() -> None:
    assert await opened({"GATEWAY_BYOK": "true"}) is None


async def test_when_callers_may_not_bring_their_own_key_it_serves_every_model() -> None:
    backend = await opened({"GATEWAY_BYOK": "false"})
    assert isinstance(backend, MockBackend)
    assert backend.serves("claude-of-the-future")


async def test_with_a_credential_it_serves_its_own_ids_when_asked_to() -> None:
    backend = await opened({"ANTHROPIC_API_KEY": "sk-ant-x", "MOCK_ENABLED": "true"})
    assert isinstance(backend, MockBackend)
    assert list(backend.models) == [MOCK]
    assert backend.serves("mock-slow")
    assert not backend.serves("claude-of-the-future")


async def test_pauses_and_rules_come_from_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('[{"match": "a", "steps": []}]', "utf-8")
    environment = {"MOCK_DELAY_MS": "0.5", "MOCK_FIRST_DELAY_MS": "250", "MOCK_SCRIPT": str(file)}
    backend = await opened(environment)
    assert isinstance(backend, MockBackend)
    assert (backend._tempo.first, backend._tempo.between) == (0.25, 0.0005)
    assert len(backend._rules) == 1


async def test_a_wrong_file_stops_the_start_and_not_the_listing(tmp_path: Path) -> None:
    (offer,) = plugin.register_model_backends(settings(MOCK_SCRIPT=str(tmp_path / "none.json")))
    with pytest.raises(ValueError, match="cannot be read"):
        await offer.open().__aenter__()


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("MOCK_DELAY_MS", "fast", "wants milliseconds from 0 to 60000, not 'fast'"),
        ("MOCK_DELAY_MS", "-1", "wants milliseconds"),
        ("MOCK_FIRST_DELAY_MS", "nan", "wants milliseconds"),
        ("MOCK_ENABLED", "maybe", "wants true or false, not 'maybe'"),
    ],
)
def test_settings_that_are_wrong_are_named(name: str, raw: str, why: str) -> None:
    with pytest.raises(Exception, match=f"{name}: {why}"):
        settings(**{name: raw})


@pytest.mark.parametrize(("raw", "value"), [("YES", True), ("1", True), ("off", False)])
def test_yes_and_no_have_several_spellings(raw: str, value: object) -> None:
    (enabled,) = [s for s in plugin.register_settings() if s.name == "MOCK_ENABLED"]
    assert settings(MOCK_ENABLED=raw)[enabled] is value

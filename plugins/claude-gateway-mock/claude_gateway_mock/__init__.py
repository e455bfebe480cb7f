"""A deterministic, offline backend: demo mode, and everybody's test double."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click

from claude_gateway import ModelBackend, Offer, Setting, Settings, hookimpl, shipped_models
from claude_gateway_mock.backend import MOCK, MockBackend
from claude_gateway_mock.commands import mock_check
from claude_gateway_mock.scripts import Rule, parse_rules, read_rules, script
from claude_gateway_mock.steps import LONGEST_PACE_MS

__all__ = ["MOCK", "MockBackend", "Rule", "parse_rules", "plugin", "script"]

SECTION = "Mock backend"
CREDENTIALS = ("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS", "ANTHROPIC_AUTH_TOKEN")
BRING_YOUR_OWN = "GATEWAY_BYOK"


def milliseconds(raw: str) -> float:
    """Milliseconds, up to a minute."""
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= LONGEST_PACE_MS:
        raise ValueError(f"wants milliseconds from 0 to {LONGEST_PACE_MS}, not {raw!r}")
    return value


def yes_or_no(raw: str) -> bool:
    """Yes or no."""
    word = raw.strip().lower()
    if word not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError(f"wants true or false, not {raw!r}")
    return word in ("1", "true", "yes", "on")


def file(raw: str) -> Path:
    """A file; `~` is the home folder."""
    return Path(raw).expanduser()


MOCK_DELAY_MS = Setting(
    "MOCK_DELAY_MS", milliseconds, 15.0, "Milliseconds between the words of an answer.", SECTION
)
MOCK_FIRST_DELAY_MS = Setting(
    "MOCK_FIRST_DELAY_MS", milliseconds, 0.0, "Milliseconds before the first word.", SECTION
)
MOCK_ENABLED = Setting(
    "MOCK_ENABLED",
    yes_or_no,
    False,
    "Serve the model `mock` beside Claude as well. When neither the gateway nor its callers have "
    "a key of Anthropic's API, the mock answers for every model, whatever this says.",
    SECTION,
)
MOCK_SCRIPT = Setting(
    "MOCK_SCRIPT",
    file,
    Path(),
    "JSON file with answers of your own: a list of rules, each a regular expression and steps.",
    SECTION,
    "/path/to/rules.json",
)


class Plugin:
    """Offers the mock: for every model in demo mode, for its own id when asked to."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return (MOCK_DELAY_MS, MOCK_FIRST_DELAY_MS, MOCK_ENABLED, MOCK_SCRIPT)

    @hookimpl
    def register_commands(self) -> Sequence[click.Command]:
        return (mock_check,)

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        if _claude_answers(settings) and not settings[MOCK_ENABLED]:
            return ()

        @asynccontextmanager
        async def opened() -> AsyncGenerator[ModelBackend]:
            yield _backend(settings)

        return (Offer("mock", opened),)


def _claude_answers(settings: Settings) -> bool:
    """Whether somebody can pay for Claude, so that another backend serves its models."""
    return any(
        (key.name in CREDENTIALS and settings.given(key))
        or (key.name == BRING_YOUR_OWN and settings[key] is True)
        for key in settings
    )


def _backend(settings: Settings) -> MockBackend:
    demo = not _claude_answers(settings)
    return MockBackend(
        models=(*shipped_models(), MOCK) if demo else (MOCK,),
        pace=settings[MOCK_DELAY_MS] / 1000,
        rules=read_rules(settings[MOCK_SCRIPT]) if settings.given(MOCK_SCRIPT) else (),
        first_delay=settings[MOCK_FIRST_DELAY_MS] / 1000,
        prefixes=("claude-", "mock-") if demo else ("mock-",),
    )


plugin = Plugin()

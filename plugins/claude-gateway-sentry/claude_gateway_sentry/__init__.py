"""Errors for Sentry: what failed and where, never what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from claude_gateway import Observer, Offer, Secret, Setting, Settings, __version__, hookimpl

SECTION = "Sentry"


def dsn(raw: str) -> Secret:
    """A DSN, as Sentry shows it."""
    if not re.fullmatch(r"https?://[!-~]+@[!-?A-~]+/\d+", raw):
        raise ValueError("wants a DSN such as https://key@sentry.example.org/1")
    return Secret(raw)


def rate(raw: str) -> float:
    """A share of all requests."""
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"wants a number from 0 to 1, not {raw!r}")
    return value


DSN: Setting[Secret] = Setting(
    "SENTRY_DSN",
    dsn,
    Secret(""),
    "Where errors are reported to. Empty: nowhere.",
    SECTION,
    example="https://key@sentry.example.org/1",
)
ENVIRONMENT = Setting(
    "SENTRY_ENVIRONMENT", str, "production", "The environment that errors are of.", SECTION
)
RELEASE = Setting(
    "SENTRY_RELEASE",
    str,
    f"claude-gateway@{__version__}",
    "The release that errors are of.",
    SECTION,
)
TRACES = Setting(
    "SENTRY_TRACES_SAMPLE_RATE",
    rate,
    0.0,
    "The share of requests, from 0 to 1, whose time is reported as well.",
    SECTION,
)


class Plugin:
    """Offers an observer, when there is a DSN. Sentry's SDK is loaded when it is opened."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return (DSN, ENVIRONMENT, RELEASE, TRACES)

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        if not settings[DSN]:
            return ()

        def opened() -> AbstractAsyncContextManager[Observer]:
            from claude_gateway_sentry.reporting import Account, open_observer

            account = Account(
                settings[DSN], settings[ENVIRONMENT], settings[RELEASE], settings[TRACES]
            )
            return open_observer(account)

        return (Offer("sentry", opened),)


plugin = Plugin()

"""Projects, sessions and runs in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import click

from claude_gateway import (
    GATEWAY_DATA_DIR,
    GATEWAY_STORE,
    HealthCheck,
    Offer,
    Setting,
    Settings,
    Store,
    hookimpl,
)
from claude_gateway_sqlite.commands import DATABASE, backup, restore

SECTION = "SQLite store"

# Seconds: a large database of an earlier version is copied before it is changed.
PATIENCE = 3600.0


def synchronous(raw: str) -> Literal["full", "normal"]:
    """How sure a write must be before it is done."""
    word = raw.strip().lower()
    if word == "full":
        return "full"
    if word == "normal":
        return "normal"
    raise ValueError(f"wants full or normal, not {raw!r}")


SQLITE_SYNCHRONOUS: Setting[Literal["full", "normal"]] = Setting(
    "SQLITE_SYNCHRONOUS",
    synchronous,
    "full",
    "full: what was answered is on the disk, also when the power fails. normal: fewer waits for the "
    "disk; a crash of the gateway loses nothing, one of the machine may lose the last turns.",
    SECTION,
)


class Plugin:
    """Offers the store."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return (SQLITE_SYNCHRONOUS,)

    @hookimpl
    def register_stores(self, settings: Settings) -> Sequence[Offer[Store]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Store]:
            from claude_gateway_sqlite.store import open_store

            async with open_store(
                settings[GATEWAY_DATA_DIR], settings[SQLITE_SYNCHRONOUS]
            ) as store:
                yield store

        return (Offer("sqlite", opened, PATIENCE),)

    @hookimpl
    def register_health_checks(self, settings: Settings) -> Sequence[Offer[HealthCheck]]:
        if settings[GATEWAY_STORE] not in ("auto", "sqlite"):
            return ()

        @asynccontextmanager
        async def opened() -> AsyncGenerator[HealthCheck]:
            from claude_gateway_sqlite.health import DatabaseCheck

            async with DatabaseCheck.opened(settings[GATEWAY_DATA_DIR] / DATABASE) as check:
                yield check

        return (Offer("database", opened),)

    @hookimpl
    def register_commands(self) -> Sequence[click.Command]:
        return (backup, restore)


plugin = Plugin()

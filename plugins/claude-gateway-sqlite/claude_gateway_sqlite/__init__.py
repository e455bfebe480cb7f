"""Projects, sessions and runs in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from claude_gateway import (
    GATEWAY_DATA_DIR,
    GATEWAY_ENCRYPTION_KEY,
    GATEWAY_STORE,
    HealthCheck,
    Offer,
    Setting,
    Settings,
    Store,
    hookimpl,
)
from claude_gateway_sqlite.commands import DATABASE, backup, encrypt_content, restore

if TYPE_CHECKING:
    from claude_gateway_sqlite.opening import Synchronous

SECTION = "SQLite store"

# Seconds: a large database of an earlier version is copied before it is changed.
PATIENCE = 3600.0


def synchronous(raw: str) -> Synchronous:
    """How sure a write must be before it is done."""
    known: dict[str, Synchronous] = {"answers": "answers", "full": "full", "normal": "normal"}
    word = raw.strip().lower()
    if word not in known:
        raise ValueError(f"wants answers, full or normal, not {raw!r}")
    return known[word]


def yes_or_no(raw: str) -> bool:
    """Yes or no."""
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    word = raw.strip().lower()
    if word not in known:
        raise ValueError(f"wants true or false, not {raw!r}")
    return known[word]


SQLITE_SYNCHRONOUS: Setting[Synchronous] = Setting(
    "SQLITE_SYNCHRONOUS",
    synchronous,
    "answers",
    "What waits for the disk; a crash of the gateway alone never loses anything. answers: an answer is on "
    "the disk before its end is shown, a question soon after the model was asked. full: a question before "
    "that. normal: nothing waits; when the power fails, the last turns may be lost.",
    SECTION,
)
ENCRYPT_CONTENT = Setting(
    "GATEWAY_ENCRYPT_CONTENT",
    yes_or_no,
    False,
    "Keep encrypted what is said: messages, frames, prompts, titles, what tools are given and give, with "
    "GATEWAY_ENCRYPTION_KEY. Sessions cannot be searched then. docs/security.md.",
    SECTION,
)


class Plugin:
    """Offers the store."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return (SQLITE_SYNCHRONOUS, ENCRYPT_CONTENT)

    @hookimpl
    def register_stores(self, settings: Settings) -> Sequence[Offer[Store]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Store]:
            from claude_gateway_sqlite.store import open_store

            folder, sure = settings[GATEWAY_DATA_DIR], settings[SQLITE_SYNCHRONOUS]
            if settings[ENCRYPT_CONTENT]:
                from claude_gateway_sqlite.keyring import sealer_of
                from claude_gateway_sqlite.sealed import open_sealed

                sealer = sealer_of(folder, folder / DATABASE, settings[GATEWAY_ENCRYPTION_KEY])
                async with open_sealed(folder, sealer, sure) as sealed:
                    yield sealed
            else:
                async with open_store(folder, sure) as store:
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
        return (backup, restore, encrypt_content)


plugin = Plugin()

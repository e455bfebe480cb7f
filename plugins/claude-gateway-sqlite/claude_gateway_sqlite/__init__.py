"""Projects, sessions and runs in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from claude_gateway import GATEWAY_DATA_DIR, Offer, Setting, Settings, Store, hookimpl

SECTION = "SQLite store"


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

        return (Offer("sqlite", opened),)


plugin = Plugin()

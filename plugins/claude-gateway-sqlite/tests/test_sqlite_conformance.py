from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway.testing import (
    BudgetsConformance,
    KeysConformance,
    StoreConformance,
    UsageConformance,
)


def loose_rows(folder: Path) -> list[tuple[object, ...]]:
    """What hangs on something that is not there; SQLite does not look while it writes."""
    with closing(sqlite3.connect(folder / "gateway.db")) as connection:
        return connection.execute("PRAGMA foreign_key_check").fetchall()


class OfSqlite:
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[SqliteStore]:
        async with open_store(tmp_path) as store:
            yield store
        assert loose_rows(tmp_path) == []


class TestSqlite(OfSqlite, StoreConformance):
    pass


class TestKeys(OfSqlite, KeysConformance):
    pass


class TestUsage(OfSqlite, UsageConformance):
    pass


class TestBudgets(OfSqlite, BudgetsConformance):
    pass

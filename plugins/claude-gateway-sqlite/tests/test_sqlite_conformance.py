from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway.testing import (
    BudgetsConformance,
    KeysConformance,
    StoreConformance,
    UsageConformance,
)


class OfSqlite:
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[SqliteStore]:
        async with open_store(tmp_path) as store:
            yield store


class TestSqlite(OfSqlite, StoreConformance):
    pass


class TestKeys(OfSqlite, KeysConformance):
    pass


class TestUsage(OfSqlite, UsageConformance):
    pass


class TestBudgets(OfSqlite, BudgetsConformance):
    pass

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from claude_gateway_sqlite.store import open_store

from claude_gateway import Store
from claude_gateway.testing import StoreConformance


class TestSqlite(StoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[Store]:
        async with open_store(tmp_path) as store:
            yield store

"""The store with everything that is said encrypted does all that a store must, but search."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from claude_gateway_sqlite.sealed import SealedStore, open_sealed
from claude_gateway_sqlite.sealing import Sealer

from claude_gateway.testing import BudgetsConformance, KeysConformance, StoreConformance
from claude_gateway.testing.stores.search import OfSearch

KEY = bytes(range(32))
SEARCHES = [name for name in vars(OfSearch) if name.startswith("test_")]


class OfSealed:
    searches = False

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[SealedStore]:
        async with open_sealed(tmp_path, Sealer([KEY])) as store:
            yield store


class TestSealed(OfSealed, StoreConformance):
    pass


for _name in SEARCHES:  # nothing can be found in what cannot be read
    setattr(TestSealed, _name, None)


class TestSealedKeys(OfSealed, KeysConformance):
    pass


class TestSealedBudgets(OfSealed, BudgetsConformance):
    pass

"""What every store must do, as tests to inherit."""

from __future__ import annotations

from claude_gateway.testing.stores.audit import OfAudit
from claude_gateway.testing.stores.budgets import BudgetsConformance
from claude_gateway.testing.stores.keys import KeysConformance
from claude_gateway.testing.stores.messages import OfMessages
from claude_gateway.testing.stores.owners import OfOwners
from claude_gateway.testing.stores.parked import OfParkedRuns
from claude_gateway.testing.stores.pins import OfPins
from claude_gateway.testing.stores.projects import OfProjects
from claude_gateway.testing.stores.pruning import OfPruning
from claude_gateway.testing.stores.runs import OfRuns
from claude_gateway.testing.stores.search import OfSearch
from claude_gateway.testing.stores.sessions import OfSessions
from claude_gateway.testing.stores.turns import OfTurns
from claude_gateway.testing.stores.usage import UsageConformance
from claude_gateway.testing.stores.visitors import OfVisitors


class StoreConformance(
    OfProjects,
    OfSessions,
    OfMessages,
    OfSearch,
    OfTurns,
    OfRuns,
    OfParkedRuns,
    OfPins,
    OfAudit,
    OfPruning,
    OfOwners,
    OfVisitors,
):
    """The tests that every store must pass.

    Inherit, and give an empty store in a fixture; pytest-asyncio runs in its mode `auto`:

        class TestMine(StoreConformance):
            @pytest.fixture
            async def store(self, tmp_path):
                async with open_my_store(tmp_path) as store:
                    yield store
    """


__all__ = ["BudgetsConformance", "KeysConformance", "StoreConformance", "UsageConformance"]

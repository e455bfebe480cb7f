"""Budgets, and calls that are to be paid out of them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from claude_gateway.testing.stores.samples import ADA
from claude_gateway.types.budgets import Budget, BudgetName, Reservation, Spender

NOW = datetime(2027, 1, 31, 23, 30, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86_400.0
TEN, CENT, NOTHING = Decimal(10), Decimal("0.01"), Decimal(0)
WHO = Spender(ADA, "key_1", "p", "s")
OF_ADA = BudgetName("user", ADA, "total")
NAMES = [
    BudgetName("key", "key_1", "total"),
    OF_ADA,
    BudgetName("project", "p", "total", ADA),
    BudgetName("session", "s", "total", ADA),
]


def budget(
    name: BudgetName = OF_ADA, dollars: Decimal = TEN, soft: Decimal | None = None
) -> Budget:
    """Return a budget that was set now."""
    return Budget(name, dollars, soft, NOW)


def asking(id_: str, dollars: Decimal, who: Spender = WHO, at: float = NOW) -> Reservation:
    """Return the reservation of a call."""
    return Reservation(id_, f"run_{id_}", who, dollars, NOTHING, at)

"""What a store can do besides: keep limits of money, and never let them be exceeded."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from decimal import Decimal
from typing import Protocol, runtime_checkable

from claude_gateway.types.budgets import Budget, BudgetName, BudgetState, Reservation, Reserved
from claude_gateway.types.resources import Listing, Page


@runtime_checkable
class KeepsBudgets(Protocol):
    """Budgets. The gateway looks for this ability once, when the store is opened.

    A key's own budget (`Limits.budget`, for its `budget_period` or in all) is one of them: it is set,
    changed and removed with the key, and a change of it here is a change of the key's as well. `at` is
    the time in seconds since 1970, which decides about days and months.
    """

    async def budgets_revision(self) -> int:
        """Return a number that is another one after each `set_budget` and `remove_budget`, whoever did it.

        It is asked for twice a second while models are asked.
        """
        ...

    async def budget_subjects(self) -> Collection[tuple[str, str, str]]:
        """Return kind, owner (of a project or session) and subject of all that there are."""
        ...

    async def set_budget(self, budget: Budget) -> BudgetState:
        """Keep a budget, or change the one of that name, of which what is spent stays.

        A new one begins with what was used since its day or month began, or ever.
        """
        ...

    async def get_budget(self, name: BudgetName, at: float) -> BudgetState:
        """Raises NotFound."""
        ...

    async def list_budgets(
        self, page: Page, at: float, of: str | None = None, key_id: str = ""
    ) -> Listing[BudgetState]:
        """Return a window of all, or of those of an owner: theirs, of their projects and sessions, of a key."""
        ...

    async def remove_budget(self, name: BudgetName) -> None:
        """Forget it with all that is reserved of it. Raises NotFound."""
        ...

    async def reserve(self, wanted: Reservation) -> Reserved:
        """Reserve of every budget that applies, or of none when it does not fit into all of them.

        How much is `wanted.granted` of what is left in the one in which that is least.
        One transaction, whoever else reserves at the same time: never is more spent and reserved together
        than there is. A budget of nothing, or with nothing left, refuses what costs nothing as well.
        """
        ...

    def settle(self, reservation: str, dollars: Decimal | None) -> Awaitable[None]:
        """Count what a call did cost instead of what was reserved for it; None is all that was reserved.

        It counts for the day and month in which it was reserved. Done in the order of the calls, and also
        when nobody waits; one that is not known changes nothing.
        """
        ...

    async def release_abandoned(self) -> int:
        """Settle what processes had reserved that are gone; return how many calls that were.

        Of a run whose end is kept counts what it has cost, less what had been counted `before`; of others
        nothing.
        """
        ...


def as_budget_store(store: object) -> KeepsBudgets | None:
    """Return a store that keeps budgets as that; None where it does not, or there is none."""
    return store if isinstance(store, KeepsBudgets) else None

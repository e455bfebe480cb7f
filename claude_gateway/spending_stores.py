"""What a store can do besides: add up what was used, whether it is kept as runs or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from claude_gateway.types.resources import Listing, Page
from claude_gateway.types.spending import Booked, Sort, Sum, UsageFilter, UsageRow


@runtime_checkable
class KeepsUsage(Protocol):
    """Figures of use. The gateway looks for this ability once, when the store is opened.

    The usage of kept runs is booked by `end_run`, for ever and under the key of the run's record.
    """

    async def book_usage(self, booked: Sequence[Booked]) -> None:
        """Add what runs used that are not kept: all of it or, when it raises, nothing."""
        ...

    async def usage(self, only: UsageFilter, by: Sequence[Sort], page: Page) -> Listing[UsageRow]:
        """Return a window of the groups, in the order of days, then of the other names as in Sort.

        Ids that do not apply are empty.
        """
        ...

    async def usage_sum(self, only: UsageFilter) -> Sum:
        """Return all of it together."""
        ...


def as_usage_store(store: object) -> KeepsUsage | None:
    """Return a store that adds up as that; None where it does not, or there is none."""
    return store if isinstance(store, KeepsUsage) else None

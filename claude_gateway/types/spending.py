"""What was used, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from claude_gateway.types.usage import NOTHING, Usage

# What usage can be told by: a day in UTC, or an id.
Sort: TypeAlias = Literal["day", "owner", "key", "model", "project", "session"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, slots=True)
class Sum:
    """What some runs used together. `cost` is of those whose price is known, US dollars.

    None is known of no cost, and `unpriced` says of how many runs. Words of `usage` mean nothing.
    """

    runs: int = 0
    usage: Usage = NOTHING
    cost: Decimal | None = None
    unpriced: int = 0

    def __add__(self, other: Sum) -> Sum:
        """Both together."""
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Sum(
            self.runs + other.runs,
            self.usage + other.usage,
            sum(costs, Decimal(0)) if costs else None,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Booked:
    """What runs that are not kept used on a day; ids that do not apply are empty."""

    day: str
    owner: str
    key: str
    model: str
    project: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which usage is asked for: of all days from `since` to `until`, both as 2027-01-31 and included.

    Of everybody when `owner` is None. `projects` are all that is told of, and of what belongs to none what the
    key `key` used; None is everything.
    """

    since: str
    until: str
    owner: str | None
    projects: tuple[str, ...] | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was used by one group: its names, in the order in which they were asked for."""

    group: Sequence[str]
    sum: Sum

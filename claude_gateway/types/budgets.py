"""Limits of money: for whom, for how long, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias, get_args

from claude_gateway.types.principals import Period

BudgetKind: TypeAlias = Literal["key", "user", "project", "session"]
BUDGET_KINDS: tuple[BudgetKind, ...] = get_args(BudgetKind)
PERIODS: tuple[Period, ...] = get_args(Period)
MOST_DOLLARS = 10**6
PARTS = 4  # into which what is left is parted, for calls that can do with less


class BudgetName(NamedTuple):
    """Which budget it is: there is one for each subject and period.

    `subject` is the id of a key, a user (any owner of things), a project or a session; `owner` is whose
    project or session that is, empty for the others.
    """

    kind: BudgetKind
    subject: str
    period: Period
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many US `dollars`, each UTC day or month, or in all.

    `soft` is the share of them, above 0 and up to 1, from which on callers are warned. `changed_at` is in
    seconds since 1970.
    """

    name: BudgetName
    dollars: Decimal
    soft: Decimal | None = None
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How a budget stands: US dollars `spent`, and `reserved` for calls that are being made.

    `window` is the day (2027-01-31) or month (2027-01) that they are of, empty for one without end.
    """

    budget: Budget
    window: str = ""
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        """What may still be reserved; never below nothing."""
        return max(self.budget.dollars - self.spent - self.reserved, Decimal(0))

    @property
    def share(self) -> float:
        """How much of it is spent: 1.0 is all."""
        dollars = self.budget.dollars
        return float(self.spent / dollars) if dollars else 1.0

    @property
    def warns(self) -> bool:
        """Whether so much is spent that callers are to be warned."""
        soft = self.budget.soft
        return soft is not None and self.spent >= soft * self.budget.dollars

    @property
    def resets_at(self) -> float | None:
        """When it begins anew, in seconds since 1970; None is never."""
        if not self.window:
            return None
        if self.budget.name.period == "day":
            begins = datetime.strptime(self.window, "%Y-%m-%d").replace(tzinfo=UTC)
            return (begins + timedelta(days=1)).timestamp()
        begins = datetime.strptime(self.window, "%Y-%m").replace(tzinfo=UTC)
        return (begins + timedelta(days=32)).replace(day=1).timestamp()


@dataclass(frozen=True, slots=True)
class Spender:
    """Who spends: an owner of things, by which key, in which project and session.

    `host` is whose project and session they are, where they are not the spender's own.
    """

    owner: str
    key_id: str | None = None
    project: str | None = None
    session: str | None = None
    host: str | None = None

    @property
    def place(self) -> str:
        """Whose project and session it is."""
        return self.host or self.owner


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call of a model can cost, in US dollars, asked for at `at`.

    A call that may also be a smaller one is of use from `least` on; None is all of it. `run` is the run that it belongs to, which has cost `before` so far; `id` is of this call alone.
    """

    id: str
    run: str
    spender: Spender
    dollars: Decimal
    before: Decimal
    at: float
    least: Decimal | None = None

    def granted(self, left: Decimal) -> Decimal | None:
        """Return how much to reserve when so much is left; None is nothing.

        A call that may be smaller leaves something for others: it gets no more than a part of it.
        """
        least = self.dollars if self.least is None else self.least
        if left <= 0 or least > left:
            return None
        return max(least, min(self.dollars, left / PARTS))


@dataclass(frozen=True, slots=True)
class Reserved:
    """What came of it: how all budgets that apply stood before, and the one that it did not fit into.

    When `refused` is not None nothing was reserved, otherwise `dollars` of each of them.
    """

    states: tuple[BudgetState, ...] = ()
    refused: BudgetState | None = None
    dollars: Decimal = Decimal(0)


def window_of(period: Period, at: float) -> str:
    """Return the day or month of a moment, in UTC; "" for what has no end."""
    if period == "total":
        return ""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d" if period == "day" else "%Y-%m")

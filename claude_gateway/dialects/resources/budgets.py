"""Limits of money, as clients set and read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from claude_gateway.dialects.fields import expect, wrong
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.budgets import (
    BUDGET_KINDS,
    MOST_DOLLARS,
    PERIODS,
    Budget,
    BudgetName,
    BudgetState,
)
from claude_gateway.types.principals import Period

DIGITS = 12  # of a dollar
FIGURE = re.compile(
    rf"[0-9]{{1,{len(str(MOST_DOLLARS)) - 1}}}(?:\.[0-9]{{1,{DIGITS}}})?|{MOST_DOLLARS}"
)


def dollars(value: float | str, path: str) -> Decimal:
    """Read US dollars. Raises InvalidRequest naming the field."""
    try:
        read = Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        read = Decimal("NaN")
    if not read.is_finite() or not 0 <= read <= MOST_DOLLARS:
        wrong(path, f"must be US dollars, from 0 to {MOST_DOLLARS}")
    return round(read, DIGITS).normalize() if read else Decimal(0)


def read_short(text: str, path: str) -> tuple[Decimal, Period | None]:
    """Read dollars with a period, such as 5/day; None is in all."""
    figure, slash, per = text.partition("/")
    if FIGURE.fullmatch(figure) is None:
        wrong(
            path, f"must be US dollars, from 0 to {MOST_DOLLARS}, with or without a period: 5/day"
        )
    period = _period(per, path) if slash else "total"
    return dollars(figure, path), None if period == "total" else period


def short(limit: Decimal | None, period: Period | None) -> float | str | None:
    """The same, written: a number where it is in all."""
    if limit is None or period in (None, "total"):
        return None if limit is None else float(limit)
    return f"{limit:f}/{period}"


def read_name(kind: str, subject: str, period: str, owner: str) -> BudgetName:
    """Read which budget is meant; `owner` is looked at for projects and sessions only."""
    if kind not in BUDGET_KINDS:
        wrong("kind", f"must be one of {', '.join(BUDGET_KINDS)}, not {kind[:50]!r}")
    whose = owner if kind in ("project", "session") else ""
    return BudgetName(kind, subject, _period(period, "period"), whose)


def read(fields: Mapping[str, object], name: BudgetName, now: float) -> Budget:
    """Read what a budget shall be: `limit`, and `soft` or null."""
    if fields.get("limit") is None:
        wrong("limit", "is required and must be a number", code="missing_field")
    limit = dollars(expect(fields["limit"], float, "limit"), "limit")
    return Budget(name, limit, _soft(fields), now)


def written(state: BudgetState) -> dict[str, object]:
    """A budget, and how it stands."""
    budget, resets = state.budget, state.resets_at
    return {
        "kind": budget.name.kind,
        "id": budget.name.subject,
        "owner": budget.name.owner or None,
        "period": budget.name.period,
        "window": state.window or None,
        "limit": float(budget.dollars),
        "soft": None if budget.soft is None else float(budget.soft),
        "spent": float(state.spent),
        "reserved": float(state.reserved),
        "left": float(state.left),
        "warns": state.warns,
        "resets_at": None if resets is None else moment(resets),
        "changed_at": moment(budget.changed_at),
    }


def _soft(fields: Mapping[str, object]) -> Decimal | None:
    if fields.get("soft") is None:
        return None
    share = expect(fields["soft"], float, "soft")
    if not 0 < share <= 1:
        wrong("soft", "must be a share of the limit, above 0 and up to 1")
    return Decimal(repr(share))


def _period(text: str, path: str) -> Period:
    if text not in PERIODS:
        wrong(path, f"must be one of {', '.join(PERIODS)}, not {text[:50]!r}")
    return text

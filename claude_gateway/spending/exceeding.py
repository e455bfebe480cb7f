"""What is said when a budget is used up, or nearly."""

from __future__ import annotations

from decimal import Decimal

from claude_gateway.dialects.resources.budgets import written
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.errors import BudgetExceeded
from claude_gateway.types.budgets import BudgetState, Spender
from claude_gateway.types.principals import Period

PER: dict[Period, str] = {"day": "for this day", "month": "for this month", "total": "in all"}


def exceeded(state: BudgetState, wanted: Decimal) -> BudgetExceeded:
    """Say which budget it is, how it stands, and when it begins anew."""
    name, resets = state.budget.name, state.resets_at
    reserved = (
        f", {_money(state.reserved)} more reserved for answers under way" if state.reserved else ""
    )
    anew = "It does not begin anew." if resets is None else f"It begins anew at {moment(resets)}."
    small = f" This request can cost up to {_money(wanted)}: a smaller max_tokens makes that less."
    return BudgetExceeded(
        f"The budget of this {name.kind} {PER[name.period]} is {_money(state.budget.dollars)}, of which "
        f"{_money(state.spent)} are spent{reserved}. {anew}{small if state.left > 0 else ''}",
        details={"budget": written(state)},
    )


def warning(state: BudgetState) -> str:
    """Say so much of a budget is spent, as a header does."""
    name, resets = state.budget.name, state.resets_at
    anew = "" if resets is None else f", begins anew at {moment(resets)}"
    spent, limit = _money(state.spent), _money(state.budget.dollars)
    return f"{name.kind} {name.period}: {spent} of {limit} spent{anew}"


def subjects_of(who: Spender) -> list[tuple[str, str, str]]:
    """Return what budgets may be of, for whoever spends, as the store calls it."""
    found = [("user", "", who.owner)]
    if who.key_id is not None:
        found.append(("key", "", who.key_id))
    if who.project is not None:
        found.append(("project", who.place, who.project))
    if who.session is not None:
        found.append(("session", who.place, who.session))
    return found


def _money(dollars: Decimal) -> str:
    """Dollars with cents, and with more digits where they are less."""
    return f"${dollars:.2f}" if not dollars or dollars >= 1 else f"${dollars:.4f}"

"""Shapes of budgets."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.shapes.words import (
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    Shape,
    asked,
    maybe,
    one_of,
    page,
    ref,
    told,
)
from claude_gateway.types.budgets import BUDGET_KINDS, MOST_DOLLARS, PERIODS

BUDGET: Mapping[str, Shape] = {
    "kind": one_of(BUDGET_KINDS),
    "id": TEXT,
    "owner": {**maybe(TEXT), "description": "Whose project or session it is."},
    "period": one_of(PERIODS),
    "window": {**maybe(TEXT), "description": "The day or month, in UTC, that the figures are of."},
    "limit": {**NUMBER, "description": "US dollars, as are the figures below."},
    "soft": {**maybe(NUMBER), "description": "The share of it from which on answers warn."},
    "spent": NUMBER,
    "reserved": {**NUMBER, "description": "For calls that are being made."},
    "left": NUMBER,
    "warns": FLAG,
    "resets_at": maybe(MOMENT),
    "changed_at": MOMENT,
}

SHAPES: Mapping[str, Shape] = {
    "NewBudget": asked(
        {"limit"},
        limit={
            "type": "number",
            "minimum": 0,
            "maximum": MOST_DOLLARS,
            "description": "US dollars.",
            "examples": [20],
        },
        soft={
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "The share of it from which on answers have the header x-budget-warning.",
        },
    ),
    "Budget": told(**BUDGET),
    "Budgets": page("budgets", ref("Budget")),
    "RemovedBudget": told(**BUDGET, removed=FLAG),
}

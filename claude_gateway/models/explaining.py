"""What a run cost, explained call by call: tokens by class, their rates, the tier and the factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from claude_gateway.models.cost import Cost, cost, factor
from claude_gateway.models.prices import Factors
from claude_gateway.types.models import ModelInfo, Price
from claude_gateway.types.usage import Usage


@dataclass(frozen=True, slots=True)
class Explained:
    """One call: what it used, at which price (None is unknown), and what rates were multiplied by."""

    usage: Usage
    price: Price | None
    factor: Decimal
    cost: Cost


def explained(
    model: ModelInfo | None, calls: Sequence[Usage], day: date, factors: Factors
) -> list[Explained]:
    """Explain calls of one model, by the prices of `day` as they are known now."""
    return [_explained(model, used, day, factors) for used in calls]


def total(calls: Sequence[Explained]) -> Decimal | None:
    """Return what all of them cost; None when that is unknown of one that used anything."""
    costs = [call.cost.dollars for call in calls if call.usage.total_tokens]
    known = [one for one in costs if one is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _explained(model: ModelInfo | None, used: Usage, day: date, factors: Factors) -> Explained:
    price = None if model is None else model.price_at(day, used.prompt_tokens)
    by = factor(used, factors)
    return Explained(used, price, by, cost(used, price, by))

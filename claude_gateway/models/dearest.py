"""The most that a call of a model can cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from claude_gateway.models.cost import MILLION, ONE
from claude_gateway.models.prices import CACHE_RATES, WORDS, Factors
from claude_gateway.types.models import ModelInfo


class Dearest(NamedTuple):
    """The highest rates that may hold, in dollars per million tokens."""

    input: Decimal
    output: Decimal

    def dollars(self, prompt: int, answer: int) -> Decimal:
        """What so many tokens cost."""
        return (self.input * prompt + self.output * answer) / MILLION


def dearest(model: ModelInfo, day: date, prompt_tokens: int, factors: Factors) -> Dearest | None:
    """Return the rates for a prompt of at most so many tokens, all written to the cache at the dearest.

    None where nobody knows the price.
    """
    tiers = [p for p in model.tariff(day) if not p.above or p.above < prompt_tokens]
    if not tiers:
        return None
    factor = ONE
    for word in WORDS:
        known = factors.get(word, {}).values()
        factor *= max([ONE, *(Decimal(str(figure)) for figure in known)])
    inputs = [getattr(p, rate) for p in tiers for rate in ("input", *CACHE_RATES)]
    prompt = max(Decimal(str(rate)) for rate in inputs if rate is not None)
    answer = max(Decimal(str(p.output)) for p in tiers)
    return Dearest(prompt * factor, answer * factor)

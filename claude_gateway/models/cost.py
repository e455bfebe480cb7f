"""What a call cost, explained by class of tokens.

Decimal dollars, because a rate is a decimal figure and need not be whole in any small unit: half of
a hundredth of a dollar per million tokens is five billionths of a dollar per token, and its cached
part has a fraction of that. So nothing is rounded before somebody wants to show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

from claude_gateway.models.prices import WORDS, Factors
from claude_gateway.types.models import ModelInfo, Price
from claude_gateway.types.usage import Usage

TokenClass: TypeAlias = Literal["input", "cache_write_5m", "cache_write_1h", "cache_read", "output"]
MOST_RATES = 1024  # that are kept: names of models and words in a usage may come from outside
CLASSES: tuple[TokenClass, ...] = get_args(TokenClass)
MILLION, ONE, NOTHING = Decimal(1_000_000), Decimal(1), Decimal(0)
# A model, and for ever longer prompts the number of tokens they have more than, with the rate of each class.
Tariff: TypeAlias = tuple[ModelInfo, tuple[tuple[int, tuple[Decimal | None, ...]], ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """The tokens of one class, and their rate in dollars per million; None is unknown."""

    of: TokenClass
    tokens: int
    rate: Decimal | None

    @property
    def dollars(self) -> Decimal | None:
        """What these cost. No tokens cost nothing, whatever one of them would."""
        if not self.tokens:
            return Decimal(0)
        return None if self.rate is None else self.rate * self.tokens / MILLION


@dataclass(frozen=True, slots=True)
class Cost:
    """Every class, also those without tokens."""

    parts: tuple[Part, ...]

    @property
    def dollars(self) -> Decimal | None:
        """The sum; None when anything in it is unknown, or nothing is known of the model's price."""
        if all(part.rate is None for part in self.parts):
            return None
        known = [part.dollars for part in self.parts if part.tokens]
        return None if None in known else sum(filter(None, known), Decimal(0))


def cost_of(model: ModelInfo, usage: Usage, day: date, factors: Factors) -> Cost:
    """What `usage` of `model` cost on `day`. The whole prompt decides about the tier."""
    return cost(usage, model.price_at(day, usage.prompt_tokens), factor(usage, factors))


class Costs:
    """What calls cost in dollars, as `cost_of` says it, with the rates worked out once a day.

    Every turn is priced, and all that changes from one to the next are the numbers of tokens.
    """

    def __init__(self, factors: Factors, today: Callable[[], date]) -> None:
        self._factors = factors
        self._today = today
        self._day = date.min
        self._tariffs: dict[tuple[str, str, str], Tariff] = {}

    def dollars(self, model: ModelInfo, usage: Usage) -> Decimal | None:
        """Return what `usage` of `model` costs today; None when anything in it is unknown."""
        today = self._today()
        tariff = self._tariffs.get((model.id, usage.service_tier, usage.inference_geo))
        if tariff is None or tariff[0] is not model or today != self._day:
            tariff = self._renewed(model, usage, today)
        prompt, fitting = usage.prompt_tokens, None
        for above, rates in tariff[1]:  # as `ModelInfo.price_at`
            if prompt > above or not above:
                fitting = rates
        if fitting is None:
            return None
        total = NOTHING
        for rate, tokens in zip(fitting, _counts(usage), strict=True):
            if tokens:
                if rate is None:
                    return None
                total += rate * tokens
        return total / MILLION

    def _renewed(self, model: ModelInfo, usage: Usage, today: date) -> Tariff:
        """Work the rates out: it is another day, or the model is described anew, or not known yet."""
        if today != self._day or len(self._tariffs) >= MOST_RATES:
            self._day = today
            self._tariffs = {}
        by = factor(usage, self._factors)
        prices = model.tariff(today)
        rates = tuple(
            (price.above, tuple(_rate(price, of, by) for of in CLASSES)) for price in prices
        )
        tariff = self._tariffs[model.id, usage.service_tier, usage.inference_geo] = (model, rates)
        return tariff


def cost(usage: Usage, price: Price | None, factor: Decimal = ONE) -> Cost:
    """What `usage` cost at `price`, every rate times `factor`."""
    return Cost(
        tuple(Part(of, tokens, _rate(price, of, factor)) for of, tokens in classes(usage).items())
    )


def classes(usage: Usage) -> dict[TokenClass, int]:
    """Tokens by what they are paid at."""
    return dict(zip(CLASSES, _counts(usage), strict=True))


def _counts(usage: Usage) -> tuple[int, int, int, int, int]:
    """Tokens of each class. What upstream does not say the cache keeps, it keeps briefly."""
    hour = usage.ephemeral_1h_input_tokens
    brief = max(usage.cache_creation_input_tokens - hour, usage.ephemeral_5m_input_tokens)
    return usage.input_tokens, brief, hour, usage.cache_read_input_tokens, usage.output_tokens


def factor(usage: Usage, factors: Factors) -> Decimal:
    """What the circumstances of the call multiply every rate by."""
    product = ONE
    for word in WORDS:
        figure = factors.get(word, {}).get(getattr(usage, word))
        if figure is not None:
            product *= _decimal(figure)
    return product


def _rate(price: Price | None, of: TokenClass, factor: Decimal) -> Decimal | None:
    figure: float | None = getattr(price, of, None)
    return None if figure is None else _decimal(figure) * factor


@lru_cache(maxsize=1024)
def _decimal(figure: float) -> Decimal:
    """Return the figure as it is written; there are few, and each run needs some."""
    return Decimal(str(figure))

"""The most that a call can cost, whichever model answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from claude_gateway.engine.calls import Asking
from claude_gateway.engine.fallback import Alternative
from claude_gateway.engine.tally import mapping
from claude_gateway.errors import Forbidden, NotFound
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.cost import MILLION
from claude_gateway.models.dearest import dearest
from claude_gateway.models.prices import Factors
from claude_gateway.spending.sizing import prompt_tokens
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest

SHORTEST = 4_096  # tokens of an answer that is of use, where nobody said how long it may be


class Dear(NamedTuple):
    """What one model wants: US dollars for the prompt, and for each token of the answer."""

    prompt: Decimal
    token: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """A call before it is made: whom it may be made of, at what prices.

    The answer has up to `longest` tokens, and is of use with `shortest`.
    """

    asking: Asking
    prices: Sequence[Dear]
    longest: int
    shortest: int

    def dollars(self, tokens: int) -> Decimal:
        """Return what the dearest model wants for an answer of so many tokens."""
        return max((dear.prompt + dear.token * tokens for dear in self.prices), default=Decimal(0))

    def within(self, dollars: Decimal) -> Asking:
        """Return the call, for no more than that, with an answer that is shorter where it has to be."""
        if self.shortest == self.longest or dollars >= self.dollars(self.longest):
            return self.asking
        tokens = min(
            int((dollars - dear.prompt) / dear.token) for dear in self.prices if dear.token
        )
        others = [_capped(other, tokens) for other in self.asking.alternatives]
        return self.asking._replace(
            request=_short(self.asking.request, tokens), alternatives=others
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Knows models and prices. `unpriced` says whether a model without a price may be asked all the same."""

    catalogue: Catalogue
    factors: Factors
    today: Callable[[], date]
    unpriced: bool = False

    def of(self, asking: Asking) -> Estimate:
        """Return what a call can cost.

        Models that stand in and have no price are left out. Raises Forbidden (`model_unpriced`).
        """
        request = asking.request
        first = self._dear(request.model, request)
        if first is None and not self.unpriced:
            raise _unpriced(request.model)
        longest = self.answer_tokens(request)
        prices, others = [first], []
        for other in asking.alternatives:
            dear = self._dear(other.model, request)
            if dear is not None or self.unpriced:
                prices.append(dear)
                others.append(_capped(other, longest))
        known = [dear for dear in prices if dear is not None]
        shortest = min(longest, _shortest(request)) if request.open_ended else longest
        return Estimate(asking._replace(alternatives=others), known, longest, shortest)

    def answer_tokens(self, request: ModelRequest) -> int:
        """Return how long an answer may become."""
        model = self._model(request.model)
        return request.max_tokens or (0 if model is None else model.max_tokens)

    def _dear(self, name: str, request: ModelRequest) -> Dear | None:
        model = self._model(name)
        if model is None:
            return None
        prompt = prompt_tokens(request, model)
        rates = dearest(model, self.today(), prompt, self.factors)
        return None if rates is None else Dear(rates.dollars(prompt, 0), rates.output / MILLION)

    def _model(self, name: str) -> ModelInfo | None:
        try:
            return self.catalogue.resolve(name).model
        except NotFound:  # there was another backend when the run began
            return None


def _shortest(request: ModelRequest) -> int:
    """Return how many tokens an answer needs, those that the model is to think with included."""
    thinking = mapping(request.params.get("thinking")).get("budget_tokens")
    return SHORTEST + (thinking if isinstance(thinking, int) else 0)


def _capped(other: Alternative, tokens: int) -> Alternative:
    return replace(other, request=partial(_made, other, tokens))


def _made(other: Alternative, tokens: int) -> ModelRequest:
    """Return the request of a model that stands in, which might allow a longer answer."""
    request = other.request()
    return _short(request, tokens) if request.max_tokens > tokens else request


def _short(request: ModelRequest, tokens: int) -> ModelRequest:
    params = {**request.params, "max_tokens": tokens}
    thinking = mapping(params.get("thinking"))
    budget = thinking.get("budget_tokens")
    if isinstance(budget, int) and budget >= tokens:
        params["thinking"] = {**thinking, "budget_tokens": tokens // 2}
    return replace(request, params=params, raw=None)


def _unpriced(model: str) -> Forbidden:
    return Forbidden(
        f"Nobody knows what the model {model[:100]} costs, and a budget applies to this request. Ask another "
        "model. Whoever runs this gateway can give it a price (GATEWAY_MODELS_FILE), or let such models be "
        "asked without limit (GATEWAY_BUDGET_UNPRICED=allow).",
        code="model_unpriced",
        param="model",
    )

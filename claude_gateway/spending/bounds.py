"""The most that a call can cost, whichever model answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from claude_gateway.engine.calls import Asking
from claude_gateway.errors import Forbidden, NotFound
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.dearest import dearest
from claude_gateway.models.prices import Factors
from claude_gateway.spending.sizing import prompt_tokens
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest


@dataclass(frozen=True, slots=True)
class Bounds:
    """Knows models and prices. `unpriced` says whether a model without a price may be asked all the same."""

    catalogue: Catalogue
    factors: Factors
    today: Callable[[], date]
    unpriced: bool = False

    def of(self, asking: Asking) -> tuple[Asking, Decimal]:
        """Return who may be asked, and what the dearest of them can cost in US dollars.

        Models that stand in and have no price are left out. Raises Forbidden (`model_unpriced`).
        """
        most = self._most(asking.request.model, asking.request)
        if most is None and not self.unpriced:
            raise _unpriced(asking.request.model)
        costs, others = [most or Decimal(0)], []
        for other in asking.alternatives:
            most = self._most(other.model, asking.request)
            if most is not None or self.unpriced:
                costs.append(most or Decimal(0))
                others.append(other)
        return asking._replace(alternatives=others), max(costs)

    def answer_tokens(self, request: ModelRequest) -> int:
        """Return how long an answer may become."""
        model = self._model(request.model)
        return request.max_tokens or (0 if model is None else model.max_tokens)

    def _most(self, name: str, request: ModelRequest) -> Decimal | None:
        model = self._model(name)
        if model is None:
            return None
        prompt = prompt_tokens(request, model)
        rates = dearest(model, self.today(), prompt, self.factors)
        if rates is None:
            return None
        return rates.dollars(prompt, request.max_tokens or model.max_tokens)

    def _model(self, name: str) -> ModelInfo | None:
        try:
            return self.catalogue.resolve(name).model
        except NotFound:  # there was another backend when the run began
            return None


def _unpriced(model: str) -> Forbidden:
    return Forbidden(
        f"Nobody knows what the model {model[:100]} costs, and a budget applies to this request. Ask another "
        "model. Whoever runs this gateway can give it a price (GATEWAY_MODELS_FILE), or let such models be "
        "asked without limit (GATEWAY_BUDGET_UNPRICED=allow).",
        code="model_unpriced",
        param="model",
    )

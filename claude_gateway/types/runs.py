"""One assistant turn, and what is known of it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

from claude_gateway.types.permits import Hold, Permit
from claude_gateway.types.principals import Principal
from claude_gateway.types.usage import NOTHING, Usage

# What a model's tokens cost in US dollars; None when nobody knows.
PriceOf: TypeAlias = Callable[[str, Usage], Decimal | None]


def unpriced(_model: str, _usage: Usage) -> None:
    """Nobody knows what it costs."""


@dataclass(slots=True)
class Run:
    """The account of one turn. Times are seconds of a monotonic clock.

    The engine fills it while the model answers; observers read it. `fallback` and `served_backend`
    are set when another model than `model` answered, `served_model` is what upstream calls it.

    A turn may take several calls of the model, its rounds: `rounds` holds what each one used, also
    one that broke off, and `usage` is their sum. Prices can depend on the size of one prompt, so a
    cost is the sum of what the rounds cost.

    `forgot_thinking` is set when earlier thinking did not reach the model: it was dropped upstream,
    or left out because upstream rejected it. `parked` is set while a person is asked about its calls: then
    it has ended for its observers, and begins again, with the account it had, when it goes on.

    `asked` is when the model was asked first, `upstream` how many seconds calls of the model have taken
    that are over: with the waits between attempts, and with whatever the client was slow to read.

    `permit` is leave to make it, where its caller is limited; `queued` is how long it waited for a place.

    `held` is money that is reserved for the call of the model that comes next, if it is already, and `warning` is
    what callers are to know of their budgets.

    `kept` is whether a store keeps it as a run, in the project and session, if any; what others use is only added up.
    `host` is whose project and session they are, where they are not the principal's own.

    `listed` is whether `model` is one that the gateway lists; others are names that a client chose.
    """

    id: str
    principal: Principal
    model: str
    backend: str
    request_id: str
    stream: bool
    started: float
    first_token: float | None = None
    ended: float | None = None
    served_model: str | None = None
    usage: Usage = NOTHING
    stop_reason: str | None = None
    complete: bool = False
    retries: int = 0
    error: str | None = None
    deadline: float | None = None
    served_backend: str | None = None
    fallback: str | None = None
    rounds: tuple[Usage, ...] = ()
    forgot_thinking: bool = False
    parked: bool = False
    listed: bool = True
    permit: Permit | None = field(default=None, repr=False, compare=False)
    queued: float = 0.0
    held: Hold | None = field(default=None, repr=False, compare=False)
    warning: str = ""
    kept: bool = False
    project_id: str | None = None
    session_id: str | None = None
    host: str | None = None
    asked: float | None = None
    upstream: float = 0.0
    price: PriceOf = field(default=unpriced, repr=False, compare=False)
    _reckoned: tuple[Usage, tuple[Usage, ...], str, Decimal | None] | None = field(
        default=None, repr=False, compare=False
    )

    def cost(self) -> Decimal | None:
        """Return what it has cost so far, in US dollars; None when nobody knows."""
        usage, rounds, model = self.usage, self.rounds, self.fallback or self.model
        last = self._reckoned
        # Several who watch ask for it, of an account that did not change in between.
        if last is None or last[0] is not usage or last[1] is not rounds or last[2] != model:
            last = self._reckoned = (usage, rounds, model, cost_of(self, self.price))
        return last[3]


def cost_of(run: Run, price: PriceOf) -> Decimal | None:
    """Return what a run cost: a tier is chosen by the prompt of each call, not by their sum."""
    if len(run.rounds) <= 1:
        return price(run.fallback or run.model, run.usage)
    costs = [price(run.fallback or run.model, used) for used in calls_of(run)]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def calls_of(run: Run) -> tuple[Usage, ...]:
    """Return what each call of the model used; tokens that were estimated belong to the last one."""
    if len(run.rounds) <= 1:
        return (run.usage,)
    *before, last = run.rounds
    counted = sum(used.output_tokens for used in before)
    return (*before, replace(last, output_tokens=run.usage.output_tokens - counted))

"""What is reserved for one call, until it is known what that has cost."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from claude_gateway.engine.calls import Asking
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import NOTHING, Usage

if TYPE_CHECKING:
    from claude_gateway.spending.budgets import Budgets

# Tokens that no model says in a second: upstream bills what was said in an answer that broke off, and does
# not say any more how much that was.
FASTEST = 250


class Holding:
    """One reservation; the first that is said of its end counts."""

    __slots__ = ("_began", "_budgets", "_id", "_run", "asking")

    def __init__(self, id_: str, asking: Asking, run: Run, budgets: Budgets) -> None:
        self.asking = asking
        self._id: str | None = id_
        self._run = run
        self._budgets = budgets
        self._began = 0.0

    def began(self) -> None:
        """Take note that an answer has begun, which costs something."""
        self._began = time.monotonic()

    def streamed(self, *, broke_off: bool) -> None:
        """Count what a stream used, which is the last in the run's account."""
        used = self._run.rounds[-1] if self._run.rounds else NOTHING
        self.answered(self._at_most(used) if broke_off else used)

    def answered(self, used: Usage) -> None:
        """Count what a call used. Where nobody knows what that costs, all that was reserved counts."""
        run = self._run
        self._settle(run.price(run.fallback or run.model, used))

    def release(self) -> None:
        """Count nothing."""
        self._settle(Decimal(0))

    def _at_most(self, used: Usage) -> Usage:
        said = int((time.monotonic() - self._began) * FASTEST)
        most = self._budgets.bounds.answer_tokens(self.asking.request)
        return replace(used, output_tokens=max(used.output_tokens, min(said, most)))

    def _settle(self, dollars: Decimal | None) -> None:
        if self._id is not None:
            id_, self._id = self._id, None
            self._budgets.settle(id_, dollars)

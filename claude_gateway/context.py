"""Whose work a task is doing, and what it has waited for: carried along, not passed on.

A request has a context of its own, and so has a run, whose task outlives its request. Tasks inherit
it. Every line of the log is given what it says; what was waited for is added up in it.
"""

from __future__ import annotations

from contextvars import ContextVar


class Spent:
    """Seconds, added up; what went on side by side counts each."""

    __slots__ = ("queue", "store", "tools")

    def __init__(self) -> None:
        self.queue = self.store = self.tools = 0.0


class Context:
    """A request, or a run. `began` and `admitted` are a monotonic clock's, `sent` is in bytes.

    Made for every request, so it is nothing but slots; `spent` is there once something was waited for.
    """

    __slots__ = ("admitted", "began", "principal", "request_id", "run", "sent", "spent")

    def __init__(
        self,
        request_id: str,
        began: float = 0.0,
        principal: str | None = None,
        run: str | None = None,
    ) -> None:
        self.request_id = request_id
        self.began = began
        self.principal = principal
        self.run = run
        self.admitted: float | None = None
        self.sent = 0
        self.spent: Spent | None = None

    def fields(self) -> dict[str, str]:
        """Return what a line of the log says of it."""
        named = {"request_id": self.request_id, "run": self.run, "principal": self.principal}
        return {name: value for name, value in named.items() if value is not None}

    def spending(self) -> Spent:
        """Return where to add what was waited for."""
        if self.spent is None:
            self.spent = Spent()
        return self.spent


CURRENT: ContextVar[Context | None] = ContextVar("claude_gateway_context", default=None)


def begin_run(run: str, request_id: str, principal: str) -> None:
    """Make what follows in this task the run's; what it waits for, its request has waited for."""
    context, outer = Context(request_id, principal=principal, run=run), CURRENT.get()
    if outer is not None and outer.request_id == request_id:
        context.spent = outer.spending()
    CURRENT.set(context)


def spending() -> Spent | None:
    """Return where to add what was waited for; None where nobody asked for anything."""
    context = CURRENT.get()
    return None if context is None else context.spending()

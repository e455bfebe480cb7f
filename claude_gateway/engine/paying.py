"""Calls of models that somebody pays for out of a budget. Nothing of this is there where nobody keeps any.

Money is reserved before each call, the most that it can cost, and what it did cost is counted when it is
over. Who has no budget pays one question for that.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import TracebackType
from typing import Protocol

from claude_gateway.backends import Backend
from claude_gateway.engine.caller import Caller
from claude_gateway.engine.calls import Asking, Begun, Whole
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage


class Held(Protocol):
    """What is reserved for one call; the first that is said of its end counts."""

    @property
    def asking(self) -> Asking:
        """Whom the money is enough for."""
        ...

    def began(self) -> None:
        """Take note that an answer has begun, which costs something."""
        ...

    def streamed(self, *, broke_off: bool) -> None:
        """Count what a stream used, which is the last in the run's account."""
        ...

    def answered(self, used: Usage) -> None:
        """Count what an answer in one piece used."""
        ...

    def release(self) -> None:
        """Count nothing: there was no answer."""
        ...


class Purse(Protocol):
    """Knows who has which budgets."""

    def free(self, run: Run) -> bool:
        """Whether it is known at once that no budget applies to a run."""
        ...

    async def reserve(self, asking: Asking, run: Run) -> Held | None:
        """Reserve for a call, or take what was reserved for it before; None where no budget applies.

        Raises RateLimited (`budget_exceeded`) when there is not enough.
        """
        ...


class PayingCaller:
    """Makes calls as a Caller does, of whatever there is money for."""

    def __init__(self, caller: Caller, purse: Purse) -> None:
        self._caller = caller
        self._purse = purse

    def begin(self, asking: Asking, run: Run) -> Awaitable[Begun]:
        """Begin a stream; whoever leaves its `call` lets it be counted."""
        if self._purse.free(run):
            return self._caller.begin(asking, run)
        return self._begin(asking, run)

    def at_once(self, asking: Asking, run: Run) -> Awaitable[Whole]:
        """Get an answer in one piece."""
        if self._purse.free(run):
            return self._caller.at_once(asking, run)
        return self._at_once(asking, run)

    async def count_tokens(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        """Count a prompt, which costs nothing."""
        return await self._caller.count_tokens(backend, request, run)

    async def _begin(self, asking: Asking, run: Run) -> Begun:
        held = await self._purse.reserve(asking, run)
        if held is None:
            return await self._caller.begin(asking, run)
        try:
            begun = await self._caller.begin(held.asking, run)
        except BaseException:
            held.release()
            raise
        held.began()
        return begun._replace(call=_Call(begun, held, run))

    async def _at_once(self, asking: Asking, run: Run) -> Whole:
        held = await self._purse.reserve(asking, run)
        if held is None:
            return await self._caller.at_once(asking, run)
        try:
            whole = await self._caller.at_once(held.asking, run)
        except BaseException:
            held.release()
            raise
        held.answered(Usage.from_wire(whole.answer.message.get("usage")))
        return whole


class _Call:
    """A call and what is reserved for it: left together."""

    __slots__ = ("_call", "_held", "_run")

    def __init__(self, begun: Begun, held: Held, run: Run) -> None:
        self._call = begun.call
        self._held = held
        self._run = run

    def __enter__(self) -> object:
        return self._call.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.streamed(broke_off=kind is not None and not self._run.complete)
        self._call.__exit__(kind, exc, trace)

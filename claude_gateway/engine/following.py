"""Those who follow work from where it begins; most gateways have nobody who does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from claude_gateway.engine.hearing import safely
from claude_gateway.interfaces import Followed, Follows, Observer
from claude_gateway.types.watching import (
    RequestEnd,
    RequestStart,
    RoundEnd,
    RoundStart,
    ToolEnd,
    ToolStart,
)

S = TypeVar("S")
E = TypeVar("E")


class Together(Generic[E]):
    """One piece of work, and all who follow it."""

    __slots__ = ("_those", "carried")

    def __init__(self) -> None:
        self._those: list[Followed[E]] = []
        self.carried: Mapping[str, str] = {}

    def begin(self, began: Callable[[S], Followed[E]], start: S) -> None:
        """Tell one of them that it begins."""
        one = began(start)
        self.carried = {**self.carried, **one.carried}
        self._those.append(one)

    def ended(self, end: E) -> None:
        """Tell all of them; one that fails is logged, never fatal."""
        for one in self._those:
            safely(one.ended, end)


class Following:
    """The observers that follow. False when there are none: nothing is to be told then."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._those = tuple(one for one in observers if isinstance(one, Follows))

    def __bool__(self) -> bool:
        return bool(self._those)

    def request(self, start: RequestStart) -> Together[RequestEnd]:
        """Tell that a request begins."""
        return _begun([one.request_began for one in self._those], start)

    def round(self, start: RoundStart) -> Together[RoundEnd]:
        """Tell that a model is about to be called."""
        return _begun([one.round_began for one in self._those], start)

    def tool(self, start: ToolStart) -> Together[ToolEnd]:
        """Tell that a tool is about to be called."""
        return _begun([one.tool_began for one in self._those], start)


def _begun(began: Sequence[Callable[[S], Followed[E]]], start: S) -> Together[E]:
    work: Together[E] = Together()
    for tell in began:
        safely(work.begin, tell, start)
    return work

"""Which observers want to hear of what, looked up once: what nobody hears costs nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeAlias, TypeVar

from claude_gateway.interfaces import Observer
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage
from claude_gateway.types.watching import BudgetNews, RequestEnd, Standing, StreamEnd, ToolEnd

P = ParamSpec("P")
T = TypeVar("T")
Hears: TypeAlias = tuple[Callable[[T], None], ...]

log = logging.getLogger(__name__)


class Hearing:
    """The methods of observers that override the base's, by what they are told."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._of_http(observers)
        self._of_turns(observers)
        self.tools: Hears[ToolEnd] = tuple(
            o.tool_ended for o in observers if _overrides(o, "tool_ended")
        )
        self.counts: Hears[int] = tuple(
            o.sessions_counted for o in observers if _overrides(o, "sessions_counted")
        )
        self.budgets: Hears[BudgetNews] = tuple(
            o.budget_told for o in observers if _overrides(o, "budget_told")
        )
        self.sessions: Hears[float] = tuple(
            o.session_ended for o in observers if _overrides(o, "session_ended")
        )
        self.looking: Hears[Callable[[], Standing]] = tuple(
            o.can_look for o in observers if _overrides(o, "can_look")
        )

    def _of_http(self, observers: Sequence[Observer]) -> None:
        self.requests: Hears[RequestEnd] = tuple(
            o.request_ended for o in observers if _overrides(o, "request_ended")
        )
        self.streams: Hears[StreamEnd] = tuple(
            o.stream_ended for o in observers if _overrides(o, "stream_ended")
        )

    def _of_turns(self, observers: Sequence[Observer]) -> None:
        self.beginnings: Hears[Run] = tuple(
            o.run_started for o in observers if _overrides(o, "run_started")
        )
        self.firsts: Hears[Run] = tuple(
            o.first_token for o in observers if _overrides(o, "first_token")
        )
        self.rounds: tuple[Callable[[Run, Usage], None], ...] = tuple(
            o.round_ended for o in observers if _overrides(o, "round_ended")
        )
        self.ends: Hears[Run] = tuple(o.run_ended for o in observers if _overrides(o, "run_ended"))


def tell_round(those: Sequence[Callable[[Run, Usage], None]], run: Run, used: Usage) -> None:
    """Tell all of them what a round used; one that fails is logged, never fatal."""
    for hear in those:
        try:
            hear(run, used)
        except Exception:
            log.exception("an observer failed", extra={"observer": _name(hear)})


def tell(those: Hears[T], news: T) -> None:
    """Tell all of them; one that fails is logged, never fatal."""
    for hear in those:
        try:
            hear(news)
        except Exception:
            log.exception("an observer failed", extra={"observer": _name(hear)})


def safely(tell: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell an observer; one that fails is logged, never fatal."""
    try:
        tell(*args, **kwargs)
    except Exception:
        log.exception("an observer failed", extra={"observer": _name(tell)})


def _name(told: object) -> object:
    return getattr(told, "__qualname__", "?")


def _overrides(observer: Observer, method: str) -> bool:
    return getattr(type(observer), method) is not getattr(Observer, method)

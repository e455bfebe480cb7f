"""Which observers want to hear of what, looked up once: what nobody hears costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from claude_gateway.engine.booking import safely
from claude_gateway.interfaces import Observer
from claude_gateway.types.watching import RequestEnd, Standing, StreamEnd, ToolEnd

T = TypeVar("T")
Hears: TypeAlias = tuple[Callable[[T], None], ...]


class Hearing:
    """The methods of observers that override the base's, by what they are told."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self.requests: Hears[RequestEnd] = tuple(
            o.request_ended for o in observers if _overrides(o, "request_ended")
        )
        self.streams: Hears[StreamEnd] = tuple(
            o.stream_ended for o in observers if _overrides(o, "stream_ended")
        )
        self.tools: Hears[ToolEnd] = tuple(
            o.tool_ended for o in observers if _overrides(o, "tool_ended")
        )
        self.counts: Hears[int] = tuple(
            o.sessions_counted for o in observers if _overrides(o, "sessions_counted")
        )
        self.sessions: Hears[float] = tuple(
            o.session_ended for o in observers if _overrides(o, "session_ended")
        )
        self.looking: Hears[Callable[[], Standing]] = tuple(
            o.can_look for o in observers if _overrides(o, "can_look")
        )


def tell(those: Hears[T], news: T) -> None:
    """Tell all of them; one that fails is logged, never fatal."""
    for hear in those:
        safely(hear, news)


def _overrides(observer: Observer, method: str) -> bool:
    return getattr(type(observer), method) is not getattr(Observer, method)

"""Keep a run's account while its events go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.types.events import (
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextDelta,
    ThinkingDelta,
)
from claude_gateway.types.requests import Answer
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage


def note(run: Run, batch: Sequence[Event]) -> bool:
    """Book what the events say; return True when they hold the first piece of the answer."""
    first = False
    for event in batch:
        kind = type(event)
        if kind is TextDelta and run.first_token is not None:
            continue  # nearly every event: nothing to book
        if isinstance(event, MessageStart):
            run.served_model = _text(event.message, "model")
            run.usage = Usage.from_wire(event.message.get("usage"), run.usage)
        elif isinstance(event, MessageDelta):
            run.stop_reason = _text(event.delta, "stop_reason")
            run.usage = Usage.from_wire(event.usage, run.usage)
        elif kind is MessageStop:
            run.complete = True
        elif kind in _PIECES and run.first_token is None:
            first = True
    return first


def account(run: Run, answer: Answer) -> None:
    """Book a whole answer."""
    run.served_model = _text(answer.message, "model")
    run.stop_reason = _text(answer.message, "stop_reason")
    run.usage = Usage.from_wire(answer.message.get("usage"))
    run.complete = True


_PIECES = frozenset({TextDelta, ThinkingDelta, InputDelta})


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None

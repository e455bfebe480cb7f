"""Keep a run's account while its events go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.engine.thinking import note_dropped
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
from claude_gateway.types.usage import NOTHING, Usage


def note(run: Run, batch: Sequence[Event]) -> bool:
    """Book what the events say; return True when they hold the first piece of the answer."""
    first = False
    for event in batch:
        kind = type(event)
        if kind is TextDelta and run.first_token is not None:
            continue  # nearly every event: nothing to book
        if isinstance(event, MessageStart):
            run.served_model = run.served_model or _text(event.message, "model")
            _count(run, event.message.get("usage"))
            note_dropped(run, event.message)
        elif isinstance(event, MessageDelta):
            run.stop_reason = _text(event.delta, "stop_reason")
            _count(run, event.usage)
            note_dropped(run, event.delta)
        elif kind is MessageStop:
            run.complete = True
        elif kind in _PIECES and run.first_token is None:
            first = True
    return first


def account(run: Run, answer: Answer) -> None:
    """Book a whole answer, which is a round of its own."""
    message = answer.message
    run.served_model = run.served_model or _text(message, "model")
    run.stop_reason = _text(message, "stop_reason")
    used = Usage.from_wire(message.get("usage"))
    if run.rounds:
        run.usage, run.rounds = run.usage + used, (*run.rounds, used)
    else:
        run.usage, run.rounds = used, (used,)
    run.complete = True
    note_dropped(run, message)


_PIECES = frozenset({TextDelta, ThinkingDelta, InputDelta})


def _count(run: Run, counted: object) -> None:
    """Book what the round that is going on has used so far."""
    before, now = run.rounds[:-1], run.rounds[-1] if run.rounds else NOTHING
    now = Usage.from_wire(counted, now)
    run.rounds = (*before, now)
    run.usage = sum(before, NOTHING) + now if before else now


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None

"""A call as a model asks for it, and what it is given when it is not made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from claude_gateway.toolbox import Entry, Outcome
from claude_gateway.types.tools import Progress, ToolResult


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as a model asks for it, by the id that the model gave it.

    `seconds` is all the time that it has; None is as much as any call.
    """

    id: str
    entry: Entry
    arguments: Mapping[str, object]
    progress: Callable[[Progress], None]
    seconds: float | None


def refused(asked: Asked, why: str) -> Outcome:
    """Return what a call gives that is not made; `why` is a sentence."""
    return unmade(asked.entry.wire_name, why)


def unmade(name: str, why: str) -> Outcome:
    """Return what the call of a tool gives that is not made."""
    return Outcome(name, ToolResult.failed(why), [{"type": "text", "text": why}], 0.0, 0)

"""What a model asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from claude_gateway.toolbox import Entry
from claude_gateway.types.tools import Progress


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

"""What a run has said so far, kept so that a text delta costs next to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import sse
from claude_gateway.engine.fold import Fold
from claude_gateway.types.events import Event, TextDelta


class Gathering:
    """Folds events; neighbouring pieces of text are joined, still encoded, before they are."""

    __slots__ = ("_fold", "_index", "_literals")

    def __init__(self) -> None:
        self._fold = Fold()
        self._literals: list[bytes] = []
        self._index = 0

    def add(self, batch: Sequence[Event]) -> None:
        """Take events into account."""
        for event in batch:
            if type(event) is TextDelta and event.literal is not None:
                if event.index != self._index:
                    self._settle()
                    self._index = event.index
                self._literals.append(event.literal)
            else:
                self._settle()
                self._fold.add(event)

    def message(self) -> Mapping[str, object]:
        """Return Anthropic's message as far as it goes."""
        self._settle()
        return self._fold.so_far()

    def _settle(self) -> None:
        if self._literals:
            self._fold.add(TextDelta(self._index, sse.said(b"".join(self._literals))))
            self._literals.clear()

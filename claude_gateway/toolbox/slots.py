"""How many calls of tools one caller may have under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """Counts calls by caller. Nobody waits for a slot: a caller who has none is told at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: dict[str, int] = {}

    @property
    def busy(self) -> int:
        """How many are taken, by all callers."""
        return sum(self._busy.values())

    @contextmanager
    def taken(self, caller: str) -> Iterator[bool]:
        """Take one until left; says whether there was one to take."""
        busy = self._busy.get(caller, 0)
        if busy >= self._most:
            yield False
            return
        self._busy[caller] = busy + 1
        try:
            yield True
        finally:
            if (left := self._busy[caller] - 1) > 0:
                self._busy[caller] = left
            else:
                del self._busy[caller]

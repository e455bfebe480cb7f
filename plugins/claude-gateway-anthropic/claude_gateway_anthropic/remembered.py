"""A bounded memory that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class Remembered:
    """Digests seen within `lifetime` seconds; the least recently used go first when it is full."""

    def __init__(self, lifetime: float, most: int, clock: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._most = most
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, digest: bytes) -> bool:
        until = self._until.get(digest)
        if until is None:
            return False
        if until <= self._clock():
            del self._until[digest]
            return False
        self._until.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        """Remember from now on, even if it was remembered before."""
        self._until[digest] = self._clock() + self._lifetime
        self._until.move_to_end(digest)
        if len(self._until) > self._most:
            self._until.popitem(last=False)

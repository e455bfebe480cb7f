"""How much was used in the last minute."""

from __future__ import annotations

SECONDS = 60


class Window:
    """Counts by the second of a monotonic clock, in as much memory whatever is counted.

    A second counts as a whole for as long as any of it is within the minute, so what is let through
    in any 60 seconds is never more than was allowed.
    """

    __slots__ = ("_by_second", "_newest", "total")

    def __init__(self) -> None:
        self._by_second = [0] * (SECONDS + 1)
        self._newest = 0
        self.total = 0

    def used(self, now: float) -> int:
        """Return what was used in the minute before `now`."""
        second = int(now)
        for gone in range(self._newest + 1, min(second, self._newest + len(self._by_second)) + 1):
            at = gone % len(self._by_second)
            self.total -= self._by_second[at]
            self._by_second[at] = 0
        self._newest = max(self._newest, second)
        return self.total

    def add(self, amount: int, now: float) -> None:
        """Count something used now."""
        self.used(now)
        self._by_second[self._newest % len(self._by_second)] += amount
        self.total += amount

    def correct(self, amount: int, then: float, now: float) -> None:
        """Count less, or more, for what was counted `then`; what is not within the minute is past."""
        self.used(now)
        if amount > 0:  # it was used after all, and it is not known when
            self.add(amount, now)
        elif self._newest - int(then) < len(self._by_second):
            self._by_second[int(then) % len(self._by_second)] += amount
            self.total += amount

    def wait(self, wanted: int, most: int, now: float) -> float:
        """Return the seconds until `wanted` more fits under `most`; 0 is now.

        What is more than `most` by itself fits when nothing else was used.
        """
        over = self.used(now) + min(wanted, most) - most
        if over <= 0:
            return 0.0
        for age in range(len(self._by_second) - 1, -1, -1):
            over -= self._by_second[(self._newest - age) % len(self._by_second)]
            if over <= 0:
                return max(self._newest - age + len(self._by_second) - now, 0.0)
        return float(SECONDS)

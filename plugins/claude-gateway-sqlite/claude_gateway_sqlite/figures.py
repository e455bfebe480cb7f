"""What the writer counts."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from claude_gateway import StoreFigures

# Seconds of a transaction: from its beginning until the disk has it.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Figures:
    """Counted by the thread that writes; whoever reads them meanwhile may miss the newest transaction."""

    def __init__(self) -> None:
        self.commits = 0
        self.changes = 0
        self._failures = 0
        self._full = False
        self._seconds = 0.0
        self._within = [0] * (len(BOUNDS) + 1)

    def committed(self, changes: int, seconds: float) -> None:
        """Count a transaction that is safe."""
        self.commits += 1
        self.changes += changes
        self._full = False
        self._seconds += seconds
        self._within[bisect_left(BOUNDS, seconds)] += 1

    def failed(self, *, full: bool) -> None:
        """Count a change that could not be kept; `full` is for want of room."""
        self._failures += 1
        self._full = full

    def now(self, size: int) -> StoreFigures:
        """Return the figures, with the size of the database in bytes."""
        return StoreFigures(
            commits=self.commits,
            changes=self.changes,
            failures=self._failures,
            full=self._full,
            seconds=self._seconds,
            within=tuple(zip(BOUNDS, accumulate(self._within), strict=False)),
            size=size,
        )

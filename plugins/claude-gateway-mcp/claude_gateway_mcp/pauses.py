"""How long to wait before a server that has ended is started again."""

from __future__ import annotations

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between attempts, doubled each time
LONGEST_PAUSE_UNSEEN = 60.0  # … of a server that was never there
HEALTHY = 30.0  # seconds; who lived so long may start over at once
MOST_DOUBLED = 20  # times


class Pauses:
    """Counts the lives of one server that were short."""

    def __init__(self) -> None:
        self._failures = 0

    def after(self, lived: float, *, seen: bool) -> float:
        """Return the seconds to wait after a life of so many; `seen` is whether it was ever there."""
        if lived > HEALTHY:
            self._failures = 0
        longest = LONGEST_PAUSE if seen else LONGEST_PAUSE_UNSEEN
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, MOST_DOUBLED), longest)
        self._failures += 1
        return pause

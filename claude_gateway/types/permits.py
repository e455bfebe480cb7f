"""Leave to make a turn, for those whose use is limited."""

from __future__ import annotations

from typing import Protocol


class Permit(Protocol):
    """Counts one turn until it is over. `kept` is set when it outlives the request that it was given to."""

    kept: bool

    def over(self, tokens: int) -> None:
        """Take note that it has ended, and what it used. Only the first call counts."""
        ...

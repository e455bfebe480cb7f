"""Leave to make a turn, and money for it, for those whose use is limited."""

from __future__ import annotations

from typing import Protocol


class Permit(Protocol):
    """Counts one turn until it is over. `kept` is set when it outlives the request that it was given to."""

    kept: bool

    def over(self, tokens: int) -> None:
        """Take note that it has ended, and what it used. Only the first call counts."""
        ...


class Hold(Protocol):
    """Money that is reserved for a call."""

    def release(self) -> None:
        """Give it back: the call was not made. Only the first that is said of its end counts."""
        ...

"""How a dialect writes the events of one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from claude_gateway.dialects.numbering import numbered
from claude_gateway.errors import GatewayError
from claude_gateway.types.events import Event


class Encoder(Protocol):
    """A dialect's way to write events. Every piece that it returns is whole frames."""

    def feed(self, batch: Sequence[Event]) -> bytes:
        """Return the frames of these events, possibly none."""
        ...

    def numbered(self, batch: Sequence[Event], first: int) -> tuple[bytes, int]:
        """Return the same frames with numbers from `first` on, and the number of the last."""
        return numbered(self.feed(batch), first)

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """Return the frames that end a stream that went wrong."""
        ...

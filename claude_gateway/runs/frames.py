"""What follows a frame that was seen."""

from __future__ import annotations

from claude_gateway.dialects.numbering import END


def following(frames: bytes, first: int, number: int) -> bytes:
    """Return what comes after the frame `number` of frames that begin with `first`."""
    rest = frames
    for _ in range(first, number + 1):
        rest = rest.partition(END)[2]
    return rest

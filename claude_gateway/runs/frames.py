"""Numbers on frames, so that a client can say what it has seen."""

from __future__ import annotations

END = b"\n\n"  # of a frame; no line inside one is empty


def numbered(frames: bytes, first: int) -> tuple[bytes, int]:
    """Return the frames, each with its number in an `id:` line, and the number of the last.

    Each frame ends in a blank line, and nothing follows the last.
    """
    pieces = frames.split(END)
    pieces.pop()
    with_ids = [b"id: %d\n%b\n\n" % (number, piece) for number, piece in enumerate(pieces, first)]
    return b"".join(with_ids), first + len(pieces) - 1


def following(frames: bytes, first: int, number: int) -> bytes:
    """Return what comes after the frame `number` of frames that begin with `first`."""
    rest = frames
    for _ in range(first, number + 1):
        rest = rest.partition(END)[2]
    return rest

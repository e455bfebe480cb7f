"""Numbers on frames, so that a client can say what it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

END = b"\n\n"  # of a frame; no line inside one is empty
# The lines of the first numbers, made once: an answer has hundreds of frames.
_LINES = tuple(b"id: %d\n" % number for number in range(4096))


def lines(first: int, beyond: int) -> Sequence[bytes]:
    """Return the `id:` lines of the numbers from `first` on that are below `beyond`."""
    known = _LINES[first:beyond]
    if beyond <= len(_LINES):
        return known
    return (*known, *(b"id: %d\n" % number for number in range(first + len(known), beyond)))


def numbered(frames: bytes, first: int) -> tuple[bytes, int]:
    """Return the frames, each with its number in an `id:` line, and the number of the last.

    Each frame ends in a blank line, and nothing follows the last.
    """
    pieces = frames.split(END)
    beyond = first + len(pieces) - 1
    parts = chain.from_iterable(zip(lines(first, beyond), pieces, repeat(END), strict=False))
    return b"".join(parts), beyond - 1

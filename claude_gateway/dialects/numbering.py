"""Numbers on frames, so that a client can say what it has seen."""

from __future__ import annotations

from itertools import chain, repeat

END = b"\n\n"  # of a frame; no line inside one is empty
# The lines of the first numbers, made once: an answer has hundreds of frames.
KNOWN = 4096
LINES = tuple(b"id: %d\n" % number for number in range(KNOWN))


def numbered(frames: bytes, first: int) -> tuple[bytes, int]:
    """Return the frames, each with its number in an `id:` line, and the number of the last.

    Each frame ends in a blank line, and nothing follows the last.
    """
    pieces = frames.split(END)
    beyond = first + len(pieces) - 1
    lines: tuple[bytes, ...] = LINES[first:beyond]
    if beyond > KNOWN:
        lines += tuple(b"id: %d\n" % number for number in range(first + len(lines), beyond))
    parts = chain.from_iterable(zip(lines, pieces, repeat(END), strict=False))
    return b"".join(parts), beyond - 1

"""Frames are kept compressed: they repeat each other but for a word.

An answer's frames take a tenth of the room then, which is four pages fewer to write into the log
and again into the file. That costs more of the processor than compressing them as little as zlib
can.
"""

from __future__ import annotations

import zlib

WORTH = 1024  # bytes of frames that are worth the trouble
# Frames repeat what is near, but zlib goes through its tables whenever its window moves on: with the
# largest one that is seldom. Whatever window a blob was written with, it can be read with this one.
LEVEL, WINDOW, MEMORY = 1, -15, 5
MARK = b"\x00"  # what a packed blob begins with, and no other
SEALED = b"\x01"  # what an encrypted one begins with, which was packed before


def packed(frames: bytes) -> bytes:
    """Return frames in less room, or as they are."""
    if (len(frames) < WORTH and not frames.startswith(MARK)) or frames.startswith(SEALED):
        return frames
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY)
    return b"".join((MARK, packing.compress(frames), packing.flush()))


def unpacked(blob: bytes) -> bytes:
    """Return the frames."""
    return zlib.decompress(blob[len(MARK) :], WINDOW) if blob.startswith(MARK) else blob

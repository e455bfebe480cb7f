"""Ends the process groups that it was told of, when whoever told it is gone. Run as a program.

It reads `+GROUP` and `-GROUP`, one a line. When nobody can write any more, however they ended, it
kills what is left of the groups. Nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def remaining(lines: Iterable[bytes]) -> set[int]:
    """Read until the end, and return the groups that were not taken off the list."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def main() -> None:
    """Outlive everybody, then clean up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    for group in remaining(sys.stdin.buffer):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()

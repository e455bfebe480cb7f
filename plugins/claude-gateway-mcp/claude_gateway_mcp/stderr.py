"""What a program writes to its standard error: into the log, as far as there is room."""

from __future__ import annotations

import asyncio
import logging
import time

from claude_gateway_mcp.specs import Spec

log = logging.getLogger(__name__)

LINES_PER_SECOND = 10.0
BURST = 100.0
LONGEST_LINE = 1000  # bytes
PIECE = 2**16  # bytes
BREATH = 0.01  # seconds between pieces of somebody who shouts


class Murmur:
    """Reads a program's standard error for as long as there is one, and remembers the last line."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._room, self._clock = BURST, time.monotonic()
        self._dropped = 0
        self.last = ""

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end. A flood is read slowly, so that it costs the program and not the gateway."""
        rest, skipping = b"", False
        while piece := await stream.read(PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            if lines and skipping:
                lines, skipping = lines[1:], False
            for line in lines:
                self._take(line)
            if len(rest) > LONGEST_LINE:
                if not skipping:
                    self._take(rest)
                rest, skipping = b"", True
            if self._dropped:
                await asyncio.sleep(BREATH)
        if rest and not skipping:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        now = time.monotonic()
        self._room = min(BURST, self._room + (now - self._clock) * LINES_PER_SECOND)
        self._clock = now
        if self._room < 1:
            self._dropped += 1
            return
        text = self._spec.hide(line[:LONGEST_LINE].decode(errors="replace").strip())
        if not text:
            return
        self._room -= 1
        self.last = text
        extra: dict[str, object] = {"server": self._spec.id, "line": text}
        if self._dropped:
            extra["lines_left_out"], self._dropped = self._dropped, 0
        log.debug("an MCP server wrote to its standard error", extra=extra)

"""One beat for all open streams: a stream that has been silent gets a comment.

A timer for each stream, or a timeout around each event, would cost something for every delta;
this costs one comparison a second for each open stream, and cannot cancel anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from claude_gateway.repeating import alongside


class Beating(Protocol):
    """A stream as the pulse sees it. `last_write` is in monotonic seconds."""

    last_write: float

    async def beat(self) -> None:
        """Write a comment; must not raise for a client that has left."""
        ...


class Pulse:
    """Watches over silence. `silence` is the most seconds a stream may be quiet."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._step = min(1.0, silence / 4)
        self._streams: set[Beating] = set()
        self._beats: set[asyncio.Task[None]] = set()

    @property
    def watched(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def watch(self, stream: Beating) -> None:
        """Begin to watch a stream."""
        self._streams.add(stream)

    def forget(self, stream: Beating) -> None:
        """Stop watching; does nothing when it was not watched."""
        self._streams.discard(stream)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Beat until left."""
        try:
            async with alongside(self._run()):
                yield
        finally:
            for beat in self._beats:
                beat.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._step)
            due = time.monotonic() - self._silence + self._step
            for stream in [s for s in self._streams if s.last_write <= due]:
                stream.last_write = time.monotonic()
                beat = asyncio.create_task(stream.beat())
                self._beats.add(beat)
                beat.add_done_callback(self._beats.discard)

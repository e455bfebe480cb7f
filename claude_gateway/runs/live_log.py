"""The log of a live run: numbered frames in memory, until a store has them.

Those who watch read from it, however many they are and wherever they begin. What is stored already
may be dropped from memory; a reader that is so far behind goes to the store.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left

from claude_gateway.dialects.numbering import numbered
from claude_gateway.runs.frames import following

ROOM = 256 * 1024  # bytes that stay in memory although they are stored


class LiveLog:
    """Frames from 1 on. `last` is the newest that may be seen, `stored` the newest that is safe."""

    __slots__ = ("_firsts", "_parts", "_size", "_staged", "_waiting", "closed", "last", "stored")

    def __init__(self, last: int = 0) -> None:
        """Everything up to `last` is in the store already."""
        self._parts: list[bytes] = []
        self._firsts: list[int] = []
        self._size = 0
        self._staged: tuple[int, int, bytes] | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self.last = last
        self.stored = last
        self.closed = False

    def add(self, frames: bytes, last: int) -> None:
        """Show frames that have their numbers, up to `last`."""
        self._append(frames, last)
        self._wake()

    def stage(self, frames: bytes) -> tuple[int, int, bytes] | None:
        """Number the last frames without showing them; return all that is not stored, with them."""
        self._staged = None
        if frames:
            with_ids, last = numbered(frames, self.last + 1)
            self._staged = (self.last + 1, last, with_ids)
        fresh = self.fresh()
        if self._staged is None:
            return fresh
        if fresh is None:
            return self._staged
        return fresh[0], self._staged[1], fresh[2] + self._staged[2]

    def show(self) -> None:
        """Show what was staged."""
        if self._staged is not None:
            self._append(self._staged[2], self._staged[1])
            self._staged = None
        self._wake()

    def close(self) -> None:
        """Show what was staged; nothing follows."""
        self.closed = True
        self.show()

    def after(self, number: int) -> bytes | None:
        """Return what follows the frame `number`; None when some of it is only in the store."""
        if number >= self.last:
            return b""
        at = bisect_left(self._firsts, number + 2) - 1  # the part that holds number + 1
        if at < 0:
            return None
        first = self._firsts[at]
        part = self._parts[at] if first > number else following(self._parts[at], first, number)
        return part if at + 1 == len(self._parts) else b"".join([part, *self._parts[at + 1 :]])

    def fresh(self) -> tuple[int, int, bytes] | None:
        """Return what is not stored yet: first number, last number, frames."""
        if self.stored >= self.last:
            return None
        return self.stored + 1, self.last, self.after(self.stored) or b""

    def safe(self, last: int) -> None:
        """Take note that everything up to `last` is stored, and let go of what is old."""
        self.stored = max(self.stored, last)
        gone = 0
        while self._size > ROOM and gone + 1 < len(self._parts) and self._ends(gone) <= self.stored:
            self._size -= len(self._parts[gone])
            gone += 1
        del self._parts[:gone], self._firsts[:gone]

    def let_go(self) -> None:
        """Keep nothing in memory that is stored; who is behind reads it there."""
        if self.stored >= self.last:
            self._parts.clear()
            self._firsts.clear()
            self._size = 0

    async def more(self) -> None:
        """Wait until something was added, or nothing will be any more."""
        if not self.closed:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiting:  # it was not woken at the same moment
                    self._waiting.remove(waiter)
                raise

    @property
    def size(self) -> int:
        """Bytes that are in memory."""
        return self._size

    def _append(self, frames: bytes, last: int) -> None:
        self._parts.append(frames)
        self._firsts.append(self.last + 1)
        self._size += len(frames)
        self.last = last

    def _ends(self, at: int) -> int:
        return self._firsts[at + 1] - 1

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():  # whoever waits may be leaving
                waiter.set_result(None)
        self._waiting = []

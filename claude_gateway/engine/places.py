"""Places for turns: so many at a time in the whole gateway, and a fair queue for the others.

Whoever waits is served in turn with all others who wait, however many of theirs do. When the queue is
full, the one that has most in it gives way.
"""

from __future__ import annotations

import asyncio
from collections import deque

from claude_gateway.errors import Unavailable

PAUSE = 5.0  # seconds after which to try again when the queue is full


class Places:
    """`most` turns at a time, `most_waiting` in the queue."""

    def __init__(self, most: int, most_waiting: int) -> None:
        self._most = most
        self._most_waiting = most_waiting
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.taken = 0
        self.waiting = 0

    def take_now(self) -> bool:
        """Take a place if there is one, and nobody waits for it."""
        if self.taken < self._most and not self._queues:
            self.taken += 1
            return True
        return False

    async def take(self, owner: str) -> None:
        """Wait for a place. Raises Unavailable when too many do."""
        if self.waiting >= self._most_waiting:
            self._make_room(owner)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(place)
        self.waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.release()  # it was given at the same moment
            else:
                self._forget(owner, place)
            raise

    def release(self) -> None:
        """Give a place back: to whoever is next, if somebody waits."""
        while self._queues:
            owner = next(iter(self._queues))
            place = self._pop(owner, newest=False)
            if owner in self._queues:  # the next of theirs comes after everybody else's
                self._queues[owner] = self._queues.pop(owner)
            if not place.done():
                place.set_result(None)
                return
        self.taken -= 1

    def _make_room(self, owner: str) -> None:
        greedy = max(self._queues, key=lambda one: len(self._queues[one]), default=owner)
        theirs, own = self._queues.get(greedy, ()), self._queues.get(owner, ())
        if len(theirs) <= len(own) + 1:
            raise _full()
        place = self._pop(greedy, newest=True)
        if not place.done():
            place.set_exception(_full())

    def _pop(self, owner: str, *, newest: bool) -> asyncio.Future[None]:
        queue = self._queues[owner]
        place = queue.pop() if newest else queue.popleft()
        self.waiting -= 1
        if not queue:
            del self._queues[owner]
        return place

    def _forget(self, owner: str, place: asyncio.Future[None]) -> None:
        queue = self._queues.get(owner)
        if queue is not None and place in queue:
            queue.remove(place)
            self.waiting -= 1
            if not queue:
                del self._queues[owner]


def _full() -> Unavailable:
    return Unavailable(
        "The gateway makes as many answers as it may, and too many wait already; try again soon.",
        code="queue_full",
        retry_after=PAUSE,
    )

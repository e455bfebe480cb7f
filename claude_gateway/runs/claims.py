"""Which sessions are taken: a session has one run at a time."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from claude_gateway.errors import Conflict, NotFound

Place: TypeAlias = tuple[str, str]  # owner, session

MOST_WAITING = 16


class Claim:
    """A session that is taken, until it is released."""

    __slots__ = ("_claims", "_released", "dismissed", "place")

    def __init__(self, claims: Claims, place: Place) -> None:
        self._claims = claims
        self._released = asyncio.Event()
        self.place = place
        self.dismissed = False  # whether those who wait for it shall give up

    def release(self) -> None:
        """Let the next one in; may be said twice."""
        if not self._released.is_set():
            self._claims.forget(self)
            self._released.set()

    async def released(self) -> None:
        """Wait for the end of it."""
        await self._released.wait()


class Claims:
    """Those of one process. `most_waiting` is how many may queue for one place; None is any."""

    def __init__(self, most_waiting: int | None = MOST_WAITING) -> None:
        self._taken: dict[Place, Claim] = {}
        self._waiting: dict[Place, int] = {}
        self._most = most_waiting

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(self._waiting.values())

    def busy(self, place: Place) -> bool:
        """Whether it is taken."""
        return place in self._taken

    def take(self, place: Place) -> Claim:
        """Take it. Raises Conflict when somebody has."""
        if place in self._taken:
            raise session_busy()
        claim = self._taken[place] = Claim(self, place)
        return claim

    async def take_in_turn(self, place: Place) -> Claim:
        """Take it once all who came earlier are through. Raises Conflict when the queue is full."""
        waiting = self._waiting.get(place, 0)
        if self._most is not None and waiting >= self._most:
            raise Conflict(
                f"The session is busy, and {waiting} turns wait already. Try again later, or stop "
                "its turn with DELETE /v1/chat/completions/{session_id}.",
                code="session_busy",
            )
        self._waiting[place] = waiting + 1
        try:
            while (taken := self._taken.get(place)) is not None:
                await taken.released()
                if taken.dismissed:
                    raise NotFound("The session was deleted while this turn waited for another.")
            return self.take(place)
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place]

    def dismiss(self, place: Place) -> None:
        """Let those who wait for it now give up once it is released: it will be gone."""
        if (taken := self._taken.get(place)) is not None:
            taken.dismissed = True

    def forget(self, claim: Claim) -> None:
        """Called by the claim itself."""
        self._taken.pop(claim.place, None)


def session_busy() -> Conflict:
    """What a second turn is told while the first is under way."""
    return Conflict(
        "The session is busy with another turn. Wait for its end, stop it with DELETE "
        '/v1/chat/completions/{session_id}, or send "if_busy": "queue".',
        code="session_busy",
        should_retry=False,
    )
